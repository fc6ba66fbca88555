// The people of the employer: roles, and which of the server's actions are worth a button.
import type { Schema } from '@qihang/api'

export type Member = Schema<'identity.v1.Member'>

export const ROLES = ['HR', 'SIGNER', 'ADMIN'] as const
export const ACTS = ['approve', 'reject', 'update', 'reset', 'reissue', 'remove'] as const
export type Act = (typeof ACTS)[number]

/** What may be done with a member now. */
export function allowedActs(member: Member): Act[] {
  return ACTS.filter((name) => member.actions.some((action) => action.name === name && action.allowed))
}

/** Why something that the state would allow is not allowed: said once, since the same rule stops several acts. */
export function hindrances(member: Member): string[] {
  const reasons = member.actions.filter((action) => !action.allowed && action.reasonCode === 'LAST_ADMINISTRATOR').map((action) => action.reason)
  return [...new Set(reasons)]
}
