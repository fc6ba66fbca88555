// The kinds of event that are asked for most, and what the numbers of a list tell of the chain.

export const EVENTS = [
  'session.open', 'login.refuse', 'login.lock', 'login.unlock', 'login.disabled', 'session.reuse', 'factor.refuse', 'factor.recovery', 'factor.clear', 'password.reset', 'password.change',
  'student.reveal', 'correction.reveal', 'help.read', 'account.export', 'account.erase',
  'administrator.propose', 'administrator.confirm', 'administrator.decline', 'administrator.withdraw', 'staff.create', 'staff.disable', 'staff.enable', 'staff.move', 'staff.reset',
  'member.approve', 'member.reject', 'blacklist.add', 'blacklist.remove', 'employer.freeze', 'employer.unfreeze', 'school.create', 'school.update', 'school.close', 'school.reopen', 'dictionary.publish', 'operations.replay', 'operations.drop',
] as const

/** Those that no school has to do with. */
const PROVINCE_ONLY = /^(?:administrator|member|blacklist|school|dictionary|operations)\./
export const SCHOOL_EVENTS = EVENTS.filter((event) => !PROVINCE_ONLY.test(event))

/** Whether events, newest first and unfiltered, follow each other without a gap. The newest ones have no number for some seconds. */
export function chainOf(sequences: readonly number[]): { head: number; tail: number; whole: boolean } | undefined {
  const linked = sequences.filter((sequence) => sequence > 0)
  const [head, tail] = [linked[0], linked.at(-1)]
  if (head === undefined || tail === undefined) return undefined
  return { head, tail, whole: new Set(linked).size === linked.length && Math.max(...linked) - Math.min(...linked) === linked.length - 1 }
}
