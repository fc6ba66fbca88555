// Where somebody goes who has just come in.
import { needsFactor } from '@qihang/account'
import { returnPath, roleOf, type Account } from '@qihang/ui'
import type { Router } from 'vue-router'
import { HOME } from '../../shell/navigation'

export const ENTRANCES = ['student', 'employer', 'staff'] as const
export type Entrance = (typeof ENTRANCES)[number]

/** The entrance that is wanted by name, or by the page that sent the reader here. */
export function entranceOf(as: unknown, wanted: unknown): Entrance {
  const named = ENTRANCES.find((entrance) => entrance === as)
  if (named !== undefined) return named
  const path = returnPath(wanted) ?? ''
  if (path.startsWith('/e/')) return 'employer'
  return path.startsWith('/c/') || path.startsWith('/p/') ? 'staff' : 'student'
}

/** The page after a sign-in: the second factor first where it is missing, then what was wanted, if it is for this role. */
export function landing(router: Router, account: Account | null, wanted: unknown): string {
  const role = roleOf(account)
  const path = returnPath(wanted)
  if (needsFactor(account)) return router.resolve({ path: '/second-factor', query: path === undefined ? {} : { return_to: path } }).fullPath
  const home = (role && HOME[role]) ?? '/'
  if (path === undefined) return home
  const roles = router.resolve(path).meta.roles
  return roles === undefined || (role !== undefined && roles.includes(role)) ? path : home
}
