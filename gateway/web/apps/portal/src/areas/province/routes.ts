// The pages of the province's employment centre.
import { addStates } from '@qihang/domain'
import { addArea } from '@qihang/ui'
import { announcementRoutes, staffArea } from '../staff'

addArea('province', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

addStates('school', { OPEN: 'good', CLOSED: 'quiet' })
addStates('proposal', { OPEN: 'warn', CONFIRMED: 'good', DECLINED: 'bad', WITHDRAWN: 'quiet', LAPSED: 'quiet' })

const own = staffArea('province', ['PROVINCE'], [
  { path: '/p/templates', component: () => import('./pages/TemplatesPage.vue'), meta: { title: 'province.edition.title' } },
  { path: '/p/admins', component: () => import('./pages/AdminsPage.vue'), meta: { title: 'province.admins.page' } },
  { path: '/p/security', component: () => import('../staff/pages/AuditPage.vue'), meta: { title: 'staff.security.title' } },
  { path: '/p/security/lockouts', component: () => import('../staff/pages/LockoutsPage.vue'), meta: { title: 'staff.lockout.title' } },
  { path: '/p/ops', component: () => import('./pages/OpsPage.vue'), meta: { title: 'province.ops.title' } },
  { path: '/p/dictionaries', component: () => import('./pages/DictionariesPage.vue'), meta: { title: 'province.dictionary.list' } },
  { path: '/p/dictionaries/:name', component: () => import('./pages/DictionaryPage.vue'), meta: { title: 'province.dictionary.list' } },
  { path: '/p/guides', component: () => import('./pages/GuidesPage.vue'), meta: { title: 'province.guide.list' } },
  { path: '/p/guides/:slug', component: () => import('./pages/GuidePage.vue'), meta: { title: 'province.guide.list' } },
  { path: '/p/home', component: () => import('./pages/HomePage.vue'), meta: { title: 'portal.nav.home' } },
  { path: '/p/calendar', component: () => import('./pages/CalendarPage.vue'), meta: { title: 'province.calendar.title' } },
  { path: '/p/members', component: () => import('./pages/MembersPage.vue'), meta: { title: 'province.members.title' } },
  { path: '/p/schools', component: () => import('./pages/SchoolsPage.vue'), meta: { title: 'province.schools.title' } },
  { path: '/p/schools/:code', component: () => import('./pages/SchoolPage.vue'), meta: { title: 'province.schools.title' } },
  { path: '/p/employers', component: () => import('./pages/EmployersPage.vue'), meta: { title: 'province.employers.title' } },
  { path: '/p/employers/freezes', component: () => import('./pages/FreezesPage.vue'), meta: { title: 'province.employers.view.freezes' } },
  { path: '/p/employers/blacklist', component: () => import('./pages/BlacklistPage.vue'), meta: { title: 'province.employers.view.blacklist' } },
  { path: '/p/employers/:id', component: () => import('./pages/EmployerPage.vue'), meta: { title: 'province.employer.title' } },
])

export const routes = [...own, ...announcementRoutes('p', ['PROVINCE'], ['PROVINCE'])]
