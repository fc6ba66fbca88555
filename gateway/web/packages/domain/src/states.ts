// Every state of the suite with its tone. What it is called stands in locales, once for API, pages and papers (WB-04).

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'quiet'

/** The kinds of state, as the contract names their enums. */
const TONES: Record<string, Record<string, Tone>> = {
  origin: { UNCONFIRMED: 'warn', SUBMITTED: 'info', DEPARTMENT_PASSED: 'info', RETURNED: 'bad', APPROVED: 'good' },
  agreement: {
    DRAFT: 'quiet',
    PENDING_STUDENT: 'warn',
    DECLINED: 'quiet',
    EXPIRED: 'quiet',
    WITHDRAWN: 'quiet',
    PENDING_REVIEW: 'info',
    AMEND_PENDING_STUDENT: 'warn',
    CANCELLED: 'quiet',
    SCHOOL_REJECTED: 'bad',
    EFFECTIVE: 'good',
    TERMINATING: 'warn',
    TERMINATED: 'quiet',
  },
  slot: { FREE: 'warn', RESERVED: 'info', HELD: 'good', RELEASING: 'warn' },
  employer: { REGISTERED: 'warn', PENDING_REVIEW: 'info', RETURNED: 'bad', APPROVED: 'good', REJECTED: 'bad', SUSPENDED: 'bad', EXPIRED: 'warn' },
  member: { INVITED: 'info', REQUESTED: 'warn', ACTIVE: 'good', REMOVED: 'quiet' },
  correction: { SUBMITTED: 'info', DEPARTMENT_PASSED: 'info', FIRST_APPROVED: 'info', APPROVED: 'good', REJECTED: 'bad', WITHDRAWN: 'quiet' },
}

/** Adds the tones of one kind; each area brings its own kinds. */
export function addStates(kind: string, tones: Record<string, Tone>): void {
  TONES[kind] = tones
}

/** The state without the prefix of its enum: `AGREEMENT_STATE_DRAFT` and `DRAFT` are both `DRAFT`. */
export function stateName(kind: string, value: string): string {
  const upper = kind.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase()
  return value.replace(new RegExp(`^(${upper}_)?STATE_`), '')
}

export function tone(kind: string, value: string): Tone {
  return TONES[kind]?.[stateName(kind, value)] ?? 'quiet'
}
