import { entryRoutes, studentRoutes } from '@qihang/student'
import { addArea, area, guard } from '@qihang/ui'
import { createRouter, createWebHistory } from 'vue-router'

addArea('h5', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

const own = area('h5', undefined, [
  { path: '/me', name: 'h5.me', component: () => import('./pages/MePage.vue'), meta: { title: 'h5.me.title', roles: ['STUDENT'] } },
  { path: '/forbidden', component: () => import('@qihang/ui/pages/ForbiddenPage.vue'), meta: { title: 'ui.forbidden.title' } },
  { path: '/:rest(.*)*', component: () => import('@qihang/ui/pages/LostPage.vue'), meta: { title: 'ui.lost.title' } },
])

export const router = createRouter({
  history: createWebHistory('/h5/'),
  routes: [...entryRoutes(), ...studentRoutes('h5'), ...own].map((route) => ({ ...route, meta: { ...route.meta, areas: ['h5', ...(route.meta?.areas ?? [])] } })) as never,
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
})
guard(router, '/login')
