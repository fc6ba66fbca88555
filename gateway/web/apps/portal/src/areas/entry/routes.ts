// Ways in: for students the pages of both apps, and beside them those of employers and staff.
import { needsFactor } from '@qihang/account'
import { entryRoutes } from '@qihang/student'
import { addArea, area, currentAccount } from '@qihang/ui'
import type { Router, RouteRecordRaw } from 'vue-router'

addArea('access', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

const page = (path: string, component: () => Promise<unknown>, title: string): RouteRecordRaw => ({ path, component, meta: { title, areas: ['entry', 'account'] } }) as RouteRecordRaw

export const routes: RouteRecordRaw[] = [
  ...area('access', undefined, entryRoutes({
    login: { component: () => import('./pages/LoginPage.vue'), title: 'access.login.title' },
    reset: { component: () => import('./pages/ForgotPage.vue'), title: 'entry.reset.title' },
  })),
  ...area('access', undefined, [
    page('/activate', () => import('./pages/ActivatePage.vue'), 'access.activate.title'),
    page('/join', () => import('./pages/JoinPage.vue'), 'access.join.title'),
    page('/join/request', () => import('./pages/JoinRequestPage.vue'), 'access.join.title'),
    page('/employers/register', () => import('./pages/RegisterPage.vue'), 'access.register.title'),
    page('/second-factor', () => import('./pages/SecondFactorPage.vue'), 'access.factor.title'),
    // The address that employers' reset codes are handed over with.
    { path: '/reset', redirect: { path: '/forgot', query: { as: 'employer' } } },
  ]),
]

/** Staff without a second factor are led to it from every page of theirs: nothing there would answer them. */
export function wantFactor(router: Router): void {
  router.beforeEach(async (to) => {
    if (to.meta.roles === undefined || !needsFactor(await currentAccount())) return true
    return { path: '/second-factor', query: { return_to: to.fullPath } }
  })
}
