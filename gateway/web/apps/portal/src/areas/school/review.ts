// The rules of the review pages that are the pages' own: order, age, what a key does.
import type { Schema } from '@qihang/api'

export type Review = Schema<'contracts.v1.Review'>
export const KINDS = ['ORIGIN', 'CORRECTION', 'AGREEMENT', 'HELP'] as const
export type Kind = (typeof KINDS)[number]

/** The kind that an address names. */
export function kindOf(path: unknown): Kind | undefined {
  return KINDS.find((kind) => kind.toLowerCase() === path)
}

/** A day before its time a review is told to be soon due. */
const SOON = 24 * 60

export interface Age {
  days: number
  hours: number
  minutes: number
  tone: 'over' | 'soon' | 'calm'
}

/** How long something waits, and how urgent that is. */
export function age(one: Pick<Review, 'since' | 'dueTime' | 'overdue'>, now: Date): Age {
  const waited = one.since === undefined ? 0 : Math.max(0, Math.floor((now.getTime() - Date.parse(one.since)) / 60_000))
  const remaining = one.dueTime === undefined ? Number.POSITIVE_INFINITY : Math.floor((Date.parse(one.dueTime) - now.getTime()) / 60_000)
  const tone = one.overdue || remaining < 0 ? 'over' : remaining <= SOON ? 'soon' : 'calm'
  return { days: Math.floor(waited / 1440), hours: Math.floor((waited % 1440) / 60), minutes: waited % 60, tone }
}

/** The review `by` places from the one of a record; the first or last one from nowhere. */
export function step(reviews: readonly Review[], recordId: string, by: 1 | -1): Review | undefined {
  const at = reviews.findIndex((review) => review.recordId === recordId)
  if (at < 0) return by > 0 ? reviews[0] : reviews.at(-1)
  return reviews[at + by]
}

/** What to open after a decision: the next one, else the one before. */
export function following(reviews: readonly Review[], recordId: string): Review | undefined {
  return step(reviews, recordId, 1) ?? (reviews.some((review) => review.recordId === recordId) ? step(reviews, recordId, -1) : undefined)
}

/** Why an act is not possible; empty when it is, or unknown. */
export function hindrance(actions: readonly Schema<'common.v1.Action'>[] | undefined, name: string): string {
  return actions?.find((action) => action.name === name && !action.allowed)?.reason ?? ''
}

/** Whole minutes until a moment, the last one counting as one; 0 once it has passed. */
export function minutesLeft(until: string | undefined, now: Date): number {
  const remaining = until === undefined ? 0 : (Date.parse(until) - now.getTime()) / 60_000
  return remaining <= 0 ? 0 : Math.max(1, Math.floor(remaining))
}

/** Most reviews that one batch may hold. */
export const BATCH = 200
