// Who needs a second factor before anything else.
import { roleOf, type Account } from '@qihang/ui'

/** Staff can do nothing without a second factor; the server refuses everything but its enrolment. */
export function needsFactor(account: Account | null | undefined): boolean {
  const role = roleOf(account)
  return role !== undefined && role !== 'STUDENT' && role !== 'EMPLOYER' && account?.totpEnrolled !== true
}

/** A secret as people type it: groups of four. */
export function grouped(secret: string): string {
  return secret.replace(/(.{4})(?=.)/g, '$1 ')
}
