// Pages about one's own account: the same for every role, mounted below each role's paths.
import { addArea, area, type RoleName } from '@qihang/ui'
import type { RouteRecordRaw } from 'vue-router'

declare module 'vue-router' {
  interface RouteMeta {
    /** Names of the pages shown as tabs, this one among them. */
    tabs?: string[]
  }
}

addArea('account', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

/** The pages by name. Students have them among those about themselves, without a second factor. */
export const ACCOUNT_PAGES = {
  overview: { component: () => import('./pages/AccountPage.vue'), title: 'account.overview.title' },
  password: { component: () => import('./pages/PasswordPage.vue'), title: 'account.password.title' },
  factor: { component: () => import('./pages/FactorPage.vue'), title: 'account.factor.title' },
  devices: { component: () => import('./pages/DevicesPage.vue'), title: 'account.devices.title' },
  activity: { component: () => import('./pages/ActivityPage.vue'), title: 'account.activity.title' },
  data: { component: () => import('./pages/DataPage.vue'), title: 'account.data.title' },
  announcements: { component: () => import('./pages/AnnouncementsPage.vue'), title: 'account.announcements.title' },
  announcement: { component: () => import('./pages/AnnouncementPage.vue'), title: 'account.announcements.title' },
} as const

const OWN = ['overview', 'password', 'factor', 'devices', 'activity', 'data'] as const

/** `/e/account` and what is beside it, for the roles whose pages begin with that letter. */
export function accountRoutes(prefix: 'e' | 'c' | 'p', roles: RoleName[]): RouteRecordRaw[] {
  const tabs = OWN.map((name) => `account.${prefix}.${name}`)
  return area('account', roles, OWN.map((name) => ({
    path: name === 'overview' ? `/${prefix}/account` : `/${prefix}/account/${name}`,
    name: `account.${prefix}.${name}`,
    component: ACCOUNT_PAGES[name].component,
    meta: { title: ACCOUNT_PAGES[name].title, tabs },
  })) as RouteRecordRaw[])
}

/** Announcements for those who only read them. */
export function announcementRoutes(prefix: 'e', roles: RoleName[]): RouteRecordRaw[] {
  const { announcements: all, announcement: one } = ACCOUNT_PAGES
  return area('account', roles, [
    { path: `/${prefix}/announcements`, name: `account.${prefix}.announcements`, component: all.component, meta: { title: all.title } },
    { path: `/${prefix}/announcements/:id`, name: `account.${prefix}.announcement`, component: one.component, meta: { title: one.title } },
  ] as RouteRecordRaw[])
}
