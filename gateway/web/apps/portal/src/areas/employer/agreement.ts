// What the pages of agreements know of an agreement beside what the server tells: until when, and whether the employer is to act.
import { actionNamed, stateOf, type Agreement } from '@qihang/student/signing.ts'

/** States in the order of the list's tabs; the others are found under "more". */
export const TABS = ['DRAFT', 'PENDING_STUDENT', 'AMEND_PENDING_STUDENT', 'PENDING_REVIEW', 'SCHOOL_REJECTED', 'EFFECTIVE'] as const
export const MORE = ['DECLINED', 'EXPIRED', 'WITHDRAWN', 'CANCELLED', 'TERMINATING', 'TERMINATED'] as const

/** Until when somebody must act, where there is such a time. */
export function deadline(agreement: Agreement): string | undefined {
  if (agreement.cancelRequest !== undefined) return agreement.cancelRequest.expireTime
  const state = stateOf(agreement)
  if (state === 'PENDING_STUDENT') return agreement.expireTime
  return state === 'AMEND_PENDING_STUDENT' ? agreement.amendDeadline : undefined
}

/** Who is to act: the other party of an open wish to cancel before all else. */
export function waitingFor(agreement: Agreement): string {
  if (agreement.cancelRequest !== undefined) return agreement.cancelRequest.requester === 'EMPLOYER' ? 'STUDENT' : 'EMPLOYER'
  return agreement.waitingFor
}

export function may(agreement: Agreement | undefined, action: string): boolean {
  return actionNamed(agreement, action)?.allowed === true
}

/** How the terms may be changed now: a draft is written anew, an offer gets another revision, a signed one is amended. */
export function changeOf(agreement: Agreement): 'update' | 'edit' | 'amend' | undefined {
  return (['update', 'edit', 'amend'] as const).find((name) => may(agreement, name))
}

/** Under which name the device keeps what is typed into an offer's form. */
export function formDraft(account: string | undefined, mode: string, id = ''): string {
  return `employer.offer.${account ?? ''}.${mode}.${id}`
}

export type Due = 'cancel' | 'draft' | 'rejected' | 'amending' | 'waiting'

/** What of an agreement belongs on the employer's desk; a refused one that was offered anew does not any more. */
export function dueOf(agreement: Agreement, superseded: ReadonlySet<string>): Due | undefined {
  if (agreement.cancelRequest?.requester === 'STUDENT') return 'cancel'
  switch (stateOf(agreement)) {
    case 'DRAFT':
      return 'draft'
    case 'SCHOOL_REJECTED':
      return superseded.has(agreement.id) ? undefined : 'rejected'
    case 'AMEND_PENDING_STUDENT':
      return 'amending'
    case 'PENDING_STUDENT':
      return 'waiting'
    default:
      return undefined
  }
}

/** The revisions to set side by side: what waits for the student beside what stood before. */
export function compared(agreement: Agreement): { from: number; to: number } | undefined {
  if (agreement.revision < 2) return undefined
  const from = agreement.signedRevision > 0 && agreement.signedRevision < agreement.revision ? agreement.signedRevision : agreement.revision - 1
  return { from, to: agreement.revision }
}
