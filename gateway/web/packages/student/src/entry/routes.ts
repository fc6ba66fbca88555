// Ways in for students: the same pages in both apps. An app for others too puts pages of its own where all come in.
import { addArea, area } from '@qihang/ui'
import type { RouteRecordRaw } from 'vue-router'

addArea('entry', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

interface Page {
  component: () => Promise<unknown>
  /** Message key of the title. */
  title: string
}

const STUDENTS_ALONE: { login: Page; reset: Page } = {
  login: { component: () => import('./pages/LoginPage.vue'), title: 'entry.login.title' },
  reset: { component: () => import('./pages/ResetPage.vue'), title: 'entry.reset.title' },
}

export function entryRoutes({ login, reset } = STUDENTS_ALONE): RouteRecordRaw[] {
  return area('entry', undefined, [
    { path: '/login', name: 'entry.login', component: login.component, meta: { title: login.title } },
    { path: '/register', name: 'entry.register', component: () => import('./pages/RegisterPage.vue'), meta: { title: 'entry.register.title' } },
    { path: '/find-student-no', name: 'entry.find', component: () => import('./pages/FindNumberPage.vue'), meta: { title: 'entry.find.title' } },
    { path: '/forgot', name: 'entry.reset', component: reset.component, meta: { title: reset.title, areas: ['account'] } },
    { path: '/help-request', name: 'entry.help', component: () => import('./pages/HelpRequestPage.vue'), meta: { title: 'entry.help.title' } },
  ] as RouteRecordRaw[])
}
