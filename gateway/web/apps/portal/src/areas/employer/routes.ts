// The employer's pages in the portal.
import { addArea } from '@qihang/ui'
import type { RouteRecordRaw } from 'vue-router'
import { staffArea } from '../staff'

addArea('employer', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

const page = (path: string, name: string, component: () => Promise<unknown>, title: string): RouteRecordRaw =>
  // Agreements are shown by the same parts as to students, which bring their own words.
  ({ path, name: `employer.${name}`, component, meta: { title: `employer.${title}`, areas: ['student'] } }) as RouteRecordRaw

export const routes = staffArea('employer', ['EMPLOYER'], [
  page('/e/home', 'home', () => import('./pages/HomePage.vue'), 'home.title'),
  page('/e/agreements', 'agreements', () => import('./pages/AgreementsPage.vue'), 'agreements.title'),
  page('/e/agreements/new', 'newOffer', () => import('./pages/OfferPage.vue'), 'offer.title.new'),
  page('/e/agreements/:id', 'agreement', () => import('./pages/AgreementPage.vue'), 'agreement.title'),
  page('/e/agreements/:id/edit', 'editOffer', () => import('./pages/OfferPage.vue'), 'offer.title.edit'),
  page('/e/agreements/:id/paper', 'paper', () => import('./pages/PaperPage.vue'), 'paper.title'),
  page('/e/bulk', 'bulk', () => import('./pages/BulkPage.vue'), 'bulk.title'),
  page('/e/templates', 'templates', () => import('./pages/TemplatesPage.vue'), 'templates.title'),
  page('/e/org', 'org', () => import('./pages/OrgPage.vue'), 'org.title'),
  page('/e/onboarding', 'onboarding', () => import('./pages/OnboardingPage.vue'), 'onboarding.title'),
  page('/e/members', 'members', () => import('./pages/MembersPage.vue'), 'members.title'),
])
