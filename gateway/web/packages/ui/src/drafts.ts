// What people typed and have not sent yet, so that an ended session, a closed page or a dead battery loses nothing.
// Kept on this device by account, for a week; passwords, identity numbers and files never go in.
import type { IDBPDatabase } from 'idb'

const KEEP = 7 * 24 * 60 * 60 * 1000

interface Draft {
  values: Record<string, unknown>
  time: number
}

let opened: Promise<IDBPDatabase> | undefined

function database(): Promise<IDBPDatabase> {
  opened ??= import('idb').then(({ openDB }) => openDB('qihang', 1, { upgrade: (db) => void db.createObjectStore('drafts') }))
  return opened
}

/** What was kept under a key; undefined for nothing, or where the browser keeps nothing. */
export async function readDraft(key: string): Promise<Draft | undefined> {
  try {
    const draft = (await (await database()).get('drafts', key)) as Draft | undefined
    return draft !== undefined && Date.now() - draft.time < KEEP ? draft : undefined
  } catch {
    return undefined
  }
}

export async function keepDraft(key: string, values: Record<string, unknown>): Promise<boolean> {
  try {
    await (await database()).put('drafts', { values, time: Date.now() } satisfies Draft, key)
    return true
  } catch {
    return false
  }
}

export async function dropDraft(key: string): Promise<void> {
  try {
    await (await database()).delete('drafts', key)
  } catch {
    // Nothing is kept where nothing can be.
  }
}

/** Forgets everything, as somebody leaves a computer that others use too. */
export async function dropDrafts(): Promise<void> {
  try {
    await (await database()).clear('drafts')
  } catch {
    // As above.
  }
}
