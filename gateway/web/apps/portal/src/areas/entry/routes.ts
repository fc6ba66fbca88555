import { addArea, area } from '@qihang/ui'

addArea('entry', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

export const routes = area('entry', undefined, [{ path: '/login', component: () => import('./pages/LoginPage.vue'), meta: { title: 'entry.login.title' } }])
