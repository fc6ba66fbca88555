import { accountRoutes, announcementRoutes } from '@qihang/account'
import { addArea, area, guard } from '@qihang/ui'
import { createRouter, createWebHistory } from 'vue-router'
import { routes as entry, wantFactor } from './areas/entry/routes'
import { routes as employer } from './areas/employer/routes'
import { routes as province } from './areas/province/routes'
import { routes as pub } from './areas/public/routes'
import { routes as school } from './areas/school/routes'
import { routes as student } from './areas/student/routes'

addArea('portal', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

const account = [...accountRoutes('e', ['EMPLOYER']), ...announcementRoutes('e', ['EMPLOYER']), ...accountRoutes('c', ['SCHOOL', 'DEPARTMENT']), ...accountRoutes('p', ['PROVINCE'])]

export const router = createRouter({
  history: createWebHistory('/'),
  routes: [...pub, ...entry, ...student, ...employer, ...school, ...province, ...account].map((route) => ({ ...route, meta: { ...route.meta, areas: ['portal', ...(route.meta?.areas ?? [])] } })).concat(
    area('portal', undefined, [
      { path: '/forbidden', component: () => import('@qihang/ui/pages/ForbiddenPage.vue'), meta: { title: 'ui.forbidden.title' } },
      { path: '/:rest(.*)*', component: () => import('@qihang/ui/pages/LostPage.vue'), meta: { title: 'ui.lost.title' } },
    ]) as never,
  ),
  scrollBehavior: (to, _from, saved) => saved ?? (to.hash === '' ? { top: 0 } : { el: to.hash, top: 80 }),
})
guard(router, '/login')
wantFactor(router)
