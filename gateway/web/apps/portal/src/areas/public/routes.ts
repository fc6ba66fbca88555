import { addArea, area } from '@qihang/ui'

addArea('public', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

export const routes = area('public', undefined, [
  { path: '/', component: () => import('./pages/HomePage.vue'), meta: { title: 'public.home.title' } },
  { path: '/verify/:serial?', component: () => import('./pages/VerifyPage.vue'), meta: { title: 'public.verify.title', areas: ['domain'] } },
  { path: '/help', component: () => import('./pages/HelpPage.vue'), meta: { title: 'public.help.title' } },
  { path: '/help/:slug', name: 'public.guide', component: () => import('./pages/HelpArticlePage.vue'), meta: { title: 'public.help.title' } },
  { path: '/accessibility', component: () => import('./pages/AccessibilityPage.vue'), meta: { title: 'public.accessibility.title' } },
  { path: '/status', component: () => import('./pages/StatusPage.vue'), meta: { title: 'public.status.title' } },
])
