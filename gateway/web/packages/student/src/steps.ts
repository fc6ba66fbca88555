// The order of the record's questions on phones.
import { isOwn, QUESTIONS } from './fields'

/** Looking at what the school keeps. */
export const LOCKED_STEP = 'school'
/** Every answer once more, and sending. */
export const CHECK = 'check'
export const STEPS: readonly string[] = [...QUESTIONS, LOCKED_STEP]

/** The step of an address; without one the first, or what the school gave the record back for. */
export function place(field: unknown, returned: readonly string[]): string {
  if (typeof field === 'string' && (STEPS.includes(field) || field === CHECK)) return field
  const first = QUESTIONS.find((name) => returned.includes(name))
  return first ?? (returned.some((name) => !isOwn(name)) ? LOCKED_STEP : (STEPS[0] ?? CHECK))
}

export function next(step: string): string {
  return STEPS[STEPS.indexOf(step) + 1] ?? CHECK
}
