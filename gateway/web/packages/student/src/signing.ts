// The rules of the signing pages that are the pages' own: what a slot lets one do, what a letter shows, what is sent.
import type { Schema } from '@qihang/api'

export type Agreement = Schema<'contracts.v1.Agreement'>
export type Terms = Schema<'contracts.v1.Terms'>
type Destination = Schema<'contracts.v1.Destination'>
type Action = Schema<'common.v1.Action'>

const BARE = /^AGREEMENT_STATE_/

export function stateOf(agreement: Pick<Agreement, 'state'>): string {
  return agreement.state.replace(BARE, '')
}

/** Waits for the student: an offer to answer, an amendment to confirm, a wish to cancel to answer. */
export function waitsForStudent(agreement: Agreement): boolean {
  return ['PENDING_STUDENT', 'AMEND_PENDING_STUDENT'].includes(stateOf(agreement)) || agreement.cancelRequest?.requester === 'EMPLOYER'
}

/** Until when the student must act, where there is such a time. */
export function deadline(agreement: Agreement): string | undefined {
  const state = stateOf(agreement)
  if (state === 'PENDING_STUDENT') return agreement.expireTime
  if (state === 'AMEND_PENDING_STUDENT') return agreement.amendDeadline
  return agreement.cancelRequest?.requester === 'EMPLOYER' ? agreement.cancelRequest.expireTime : undefined
}

/** Those that concern the present state: the server also names what other states would allow. */
export function presentActions(actions: readonly Action[]): Action[] {
  return actions.filter((action) => action.allowed || action.reasonCode !== 'INVALID_TRANSITION')
}

export function actionNamed(agreement: Agreement | undefined, name: string): Action | undefined {
  return presentActions(agreement?.actions ?? []).find((action) => action.name === name)
}

export type Kind = 'ONLINE' | 'OFFLINE' | 'OTHER'

/** What the slot means for one of the three ways: it holds it, another one holds it, or it is free. */
export function slotFor(kind: Kind, slot: Destination | undefined): 'free' | 'mine' | 'taken' {
  if (slot === undefined || slot.state === 'SLOT_STATE_FREE') return 'free'
  return slot.kind === kind ? 'mine' : 'taken'
}

/** Which fields of the terms a letter shows below the key ones, in order. */
export const FURTHER = ['lodging', 'insurance', 'benefits', 'release', 'other'] as const

/** What the student must name since the employer does not take it. */
export function wanted(terms: Terms | undefined): { archive: boolean; household: boolean } {
  return { archive: terms !== undefined && !terms.acceptsArchive, household: terms !== undefined && !terms.acceptsHousehold }
}

export interface Places {
  receiver: string
  address: string
  postcode: string
  contact: string
  phone: string
  householdAddress: string
}

/** The places in the form of the request; none where the employer takes them. */
export function placesBody(terms: Terms | undefined, places: Places) {
  const need = wanted(terms)
  const { householdAddress, ...archive } = places
  return { ...(need.archive ? { archive } : {}), ...(need.household ? { household: { address: householdAddress } } : {}) }
}

/** Seconds that are left until a moment, never less than none. */
export function secondsUntil(time: string | undefined, now: number): number {
  return time === undefined ? 0 : Math.max(0, Math.ceil((Date.parse(time) - now) / 1000))
}

/** What is told of a countdown, and when: at its start, at its half and at its end, never each second. */
export function countdownNews(total: number, left: number, told: ReadonlySet<string>): 'start' | 'half' | 'end' | undefined {
  if (left <= 0) return told.has('end') ? undefined : 'end'
  if (left <= total / 2) return told.has('half') ? undefined : 'half'
  return told.has('start') ? undefined : 'start'
}
