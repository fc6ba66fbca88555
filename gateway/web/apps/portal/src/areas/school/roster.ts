// What the roster pages know of themselves: the graduation year to begin with, the sheet to fill in, how far an import is.
import type { Schema } from '@qihang/api'
import columns from './columns.json'

export type Import = Schema<'identity.v1.RosterImport'>
export const COLUMNS: readonly { header: string; title: string; need: string }[] = columns

/** The year in which those who graduate next do so: from September on, the next calendar year. */
export function nextCohort(now: Date): number {
  return now.getFullYear() + (now.getMonth() >= 8 ? 1 : 0)
}

/** An empty sheet with the columns' headers, for spreadsheets: CSV with the mark by which they know UTF-8. */
export function template(): Blob {
  return new Blob([`\ufeff${COLUMNS.map((column) => column.header).join(',')}\r\n${COLUMNS.map((column) => column.title).join(',')}\r\n`], { type: 'text/csv' })
}

export function ended(one: Pick<Import, 'state'> | undefined): boolean {
  return one?.state === 'STATE_SUCCEEDED' || one?.state === 'STATE_FAILED'
}

/** A dry run without errors, from which the import may follow. */
export function importable(one: Import): boolean {
  return one.dryRun && one.state === 'STATE_SUCCEEDED' && one.errors === 0
}

/** The part of a work that is done, 0 to 1; undefined while nobody knows. */
export function share(operation: Pick<Schema<'common.v1.Operation'>, 'progress' | 'total'> | undefined): number | undefined {
  const total = Number(operation?.total ?? 0)
  return total === 0 ? undefined : Math.min(1, Number(operation?.progress ?? 0) / total)
}
