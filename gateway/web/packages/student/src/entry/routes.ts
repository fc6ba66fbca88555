// Ways in for students: the same pages in both apps.
import { addArea, area } from '@qihang/ui'
import type { RouteRecordRaw } from 'vue-router'

addArea('entry', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

export function entryRoutes(): RouteRecordRaw[] {
  return area('entry', undefined, [
    { path: '/login', name: 'entry.login', component: () => import('./pages/LoginPage.vue'), meta: { title: 'entry.login.title' } },
    { path: '/register', name: 'entry.register', component: () => import('./pages/RegisterPage.vue'), meta: { title: 'entry.register.title' } },
    { path: '/find-student-no', name: 'entry.find', component: () => import('./pages/FindNumberPage.vue'), meta: { title: 'entry.find.title' } },
    { path: '/forgot', name: 'entry.reset', component: () => import('./pages/ResetPage.vue'), meta: { title: 'entry.reset.title' } },
    { path: '/help-request', name: 'entry.help', component: () => import('./pages/HelpRequestPage.vue'), meta: { title: 'entry.help.title' } },
  ])
}
