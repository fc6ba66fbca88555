// What employers', schools' and the province's pages have in common: parts without pages of their own, and announcements.
import { addStates } from '@qihang/domain'
import { addArea, area, type RoleName } from '@qihang/ui'
import type { RouteRecordRaw } from 'vue-router'

addArea('staff', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

addStates('announcement', { DRAFT: 'quiet', SCHEDULED: 'info', PUBLISHED: 'good', WITHDRAWN: 'quiet' })
addStates('staff', { PENDING: 'warn', ACTIVE: 'good', DISABLED: 'quiet' })

/** Pages of a role that read the words of these parts beside their own. */
export function staffArea(name: string, roles: RoleName[], routes: RouteRecordRaw[]): RouteRecordRaw[] {
  return area(name, roles, area('staff', roles, routes))
}

/** Announcements for those who write them, and for who reads them beside. */
export function announcementRoutes(prefix: 'c' | 'p', readers: RoleName[], writers: RoleName[]): RouteRecordRaw[] {
  const page = (path: string, component: () => Promise<unknown>, title: string): RouteRecordRaw => ({ path: `/${prefix}/announcements${path}`, component, meta: { title: `staff.news.${title}` } }) as RouteRecordRaw
  return [
    ...area('staff', readers, [page('', () => import('./pages/AnnouncementsPage.vue'), 'list'), page('/:id([0-9a-f-]{36})', () => import('./pages/AnnouncementPage.vue'), 'list')]),
    ...area('staff', writers, [page('/new', () => import('./pages/AnnouncementNewPage.vue'), 'write')]),
  ]
}
