// Where the windows of a graduation year lie on one line of months.
import type { Schema } from '@qihang/api'

export type CalendarWindow = Schema<'identity.v1.CalendarWindow'>

export interface Span {
  /** First day, yyyy-MM-dd. */
  from: string
  /** Last day. */
  to: string
}

export interface Month {
  /** yyyy-MM-01. */
  day: string
  /** Part of the line where it begins, 0 to 1. */
  at: number
}

const DAY = 86_400_000
const number = (day: string) => Date.parse(`${day}T00:00:00Z`) / DAY
const text = (value: number) => new Date(value * DAY).toISOString().slice(0, 10)

/** From the September before graduation to the December after, and further where a window lies outside. */
export function spanOf(cohort: number, windows: readonly CalendarWindow[]): Span {
  const periods = windows.flatMap((window) => (window.province === undefined ? [] : [window.province]))
  const first = [`${cohort - 1}-09-01`, ...periods.map((period) => `${period.openDay.slice(0, 7)}-01`)].sort()[0] as string
  const last = [`${cohort}-12-31`, ...periods.map((period) => monthEnd(period.closeDay))].sort().at(-1) as string
  return { from: first, to: last }
}

function monthEnd(day: string): string {
  const [year, month] = day.split('-').map(Number) as [number, number]
  return new Date(Date.UTC(year, month, 0)).toISOString().slice(0, 10)
}

/** Part of the line where a day begins, 0 to 1. */
export function placeOf(span: Span, day: string): number {
  const part = (number(day) - number(span.from)) / (number(span.to) + 1 - number(span.from))
  return Math.min(1, Math.max(0, part))
}

/** Where a period begins and how long it is, 0 to 1. Both days count. */
export function barOf(span: Span, openDay: string, closeDay: string): { at: number; length: number } {
  const at = placeOf(span, openDay)
  return { at, length: placeOf(span, text(number(closeDay) + 1)) - at }
}

export function monthsOf(span: Span): Month[] {
  const months: Month[] = []
  for (let day = span.from; day <= span.to; day = text(number(monthEnd(day)) + 1)) months.push({ day, at: placeOf(span, day) })
  return months
}

/** Whether a day lies in a window; without one it is always open. */
export function openOn(day: string, period: { openDay: string; closeDay: string } | undefined): boolean {
  return period === undefined || (period.openDay <= day && day <= period.closeDay)
}
