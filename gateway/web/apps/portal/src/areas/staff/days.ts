// Days of Beijing as moments that the audit is asked with.

const DAY = /^\d{4}-\d{2}-\d{2}$/

/** The first moment of a day; undefined for no day. */
export function dayStart(day: string): string | undefined {
  return DAY.test(day) ? new Date(`${day}T00:00:00+08:00`).toISOString() : undefined
}

/** The first moment after a day. */
export function dayEnd(day: string): string | undefined {
  return DAY.test(day) ? new Date(Date.parse(`${day}T00:00:00+08:00`) + 86_400_000).toISOString() : undefined
}
