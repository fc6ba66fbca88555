// The student's pages: one table from which the portal and the phone app take their routes, so that both have the same.
import { ACCOUNT_PAGES } from '@qihang/account'
import { addArea, area } from '@qihang/ui'
import type { RouteRecordRaw } from 'vue-router'

addArea('student', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

export type App = 'portal' | 'h5'

export interface StudentRoute {
  /** Name by which pages link: `{ name: 'student.origin' }`. */
  name: string
  /** Path in the portal. */
  portal: string
  /** Path in the phone app. */
  h5: string
  component: () => Promise<unknown>
  /** The phone app's own page, where one question at a time is better than all at once. */
  phone?: () => Promise<unknown>
  /** Message key of the title. */
  title: string
}

export const STUDENT_ROUTES: readonly StudentRoute[] = [
  { name: 'student.home', portal: '/s/home', h5: '/', component: () => import('./pages/HomePage.vue'), title: 'student.home.title' },
  { name: 'student.guide', portal: '/s/guide', h5: '/guide', component: () => import('./pages/GuidePage.vue'), title: 'student.guide.title' },
  { name: 'student.guideArticle', portal: '/s/guide/:slug', h5: '/guide/:slug', component: () => import('./pages/GuideArticlePage.vue'), title: 'student.guide.title' },
  { name: 'student.origin', portal: '/s/origin', h5: '/origin', component: () => import('./pages/OriginPage.vue'), title: 'student.origin.title' },
  { name: 'student.originEdit', portal: '/s/origin/edit', h5: '/origin/edit/:field?', component: () => import('./pages/OriginEditPage.vue'), phone: () => import('./pages/OriginQuestionsPage.vue'), title: 'student.origin.editTitle' },
  { name: 'student.originCorrect', portal: '/s/origin/correct', h5: '/origin/correct', component: () => import('./pages/OriginCorrectPage.vue'), title: 'student.correct.title' },
  { name: 'student.signing', portal: '/s/signing', h5: '/signing', component: () => import('./pages/SigningPage.vue'), title: 'student.signing.title' },
  { name: 'student.offers', portal: '/s/signing/online', h5: '/signing/online', component: () => import('./pages/OffersPage.vue'), title: 'student.offers.title' },
  { name: 'student.offer', portal: '/s/signing/online/:id', h5: '/signing/online/:id', component: () => import('./pages/OfferPage.vue'), title: 'student.offer.title' },
  { name: 'student.sign', portal: '/s/signing/online/:id/sign', h5: '/signing/online/:id/sign/:step?', component: () => import('./pages/SignPage.vue'), phone: () => import('./pages/SignStepsPage.vue'), title: 'student.sign.title' },
  { name: 'student.signed', portal: '/s/signing/online/:id/signed', h5: '/signing/online/:id/signed', component: () => import('./pages/SignedPage.vue'), title: 'student.signed.title' },
  { name: 'student.paper', portal: '/s/signing/online/:id/paper', h5: '/signing/online/:id/paper', component: () => import('./pages/PaperPage.vue'), title: 'student.paper.title' },
  { name: 'student.basic', portal: '/s/profile/basic', h5: '/me/basic', component: () => import('./pages/BasicPage.vue'), title: 'student.profile.basic' },
  { name: 'student.avatar', portal: '/s/profile/avatar', h5: '/me/avatar', component: () => import('./pages/AvatarPage.vue'), title: 'student.profile.avatar' },
  { name: 'student.privacy', portal: '/s/profile/privacy', h5: '/me/privacy', component: () => import('./pages/PrivacyPage.vue'), title: 'student.profile.privacy' },
  { name: 'student.password', portal: '/s/profile/password', h5: '/me/password', ...ACCOUNT_PAGES.password },
  { name: 'student.devices', portal: '/s/profile/devices', h5: '/me/devices', ...ACCOUNT_PAGES.devices },
  { name: 'student.activity', portal: '/s/profile/activity', h5: '/me/activity', ...ACCOUNT_PAGES.activity },
  { name: 'student.data', portal: '/s/profile/data', h5: '/me/data', ...ACCOUNT_PAGES.data },
  { name: 'student.announcements', portal: '/s/announcements', h5: '/announcements', ...ACCOUNT_PAGES.announcements },
  { name: 'student.announcement', portal: '/s/announcements/:id', h5: '/announcements/:id', ...ACCOUNT_PAGES.announcement },
]

/** The pages of 个人信息维护, shown as tabs. */
const PROFILE = ['basic', 'avatar', 'privacy', 'password', 'devices', 'activity', 'data'].map((name) => `student.${name}`)

/** The routes of one app. */
export function studentRoutes(app: App): RouteRecordRaw[] {
  return area(
    'student',
    ['STUDENT'],
    STUDENT_ROUTES.map(({ name, component, phone, title, ...paths }) => ({ name, path: paths[app], component: app === 'h5' ? (phone ?? component) : component, meta: { title, areas: ['account'], ...(PROFILE.includes(name) ? { tabs: PROFILE } : {}) } }) as RouteRecordRaw),
  )
}
