// The pages of a school's employment office and of its departments.
import { addStates } from '@qihang/domain'
import { addArea } from '@qihang/ui'
import type { RouteRecordRaw } from 'vue-router'
import { announcementRoutes, staffArea } from '../staff'

addArea('school', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

addStates('help', { OPEN: 'warn', RESOLVED: 'good', CLOSED: 'quiet' })
addStates('import', { PENDING: 'info', RUNNING: 'info', SUCCEEDED: 'good', FAILED: 'bad' })

// One component for list and record, so that the list stays as it is while records come and go.
const queue = () => import('./pages/QueuePage.vue')

/** What departments use too. */
const SHARED: RouteRecordRaw[] = [
  { path: '/c/home', component: () => import('./pages/HomePage.vue'), meta: { title: 'school.home.title' } },
  { path: '/c/queue', component: queue, meta: { title: 'school.queue.title' } },
  { path: '/c/review/:kind(origin|correction|agreement|help)/:id', component: queue, meta: { title: 'school.queue.title' } },
  { path: '/c/students', component: () => import('./pages/StudentsPage.vue'), meta: { title: 'school.students.title' } },
  { path: '/c/students/:id', component: () => import('./pages/StudentPage.vue'), meta: { title: 'school.students.title' } },
]

/** What is the office's alone. */
const OFFICE: RouteRecordRaw[] = [
  { path: '/c/roster', component: () => import('./pages/RosterPage.vue'), meta: { title: 'school.roster.title' } },
  { path: '/c/roster/:id', component: () => import('./pages/ImportPage.vue'), meta: { title: 'school.roster.title' } },
  { path: '/c/staff', component: () => import('./pages/StaffPage.vue'), meta: { title: 'school.staff.title' } },
  { path: '/c/settings', component: () => import('./pages/SettingsPage.vue'), meta: { title: 'school.settings.title' } },
  { path: '/c/tickets', component: () => import('./pages/TicketsPage.vue'), meta: { title: 'school.tickets.title' } },
  { path: '/c/employers', component: () => import('./pages/EmployersPage.vue'), meta: { title: 'school.employers.title' } },
  { path: '/c/employers/:id', component: () => import('./pages/EmployerPage.vue'), meta: { title: 'school.employers.title' } },
  { path: '/c/audit', component: () => import('../staff/pages/AuditPage.vue'), meta: { title: 'staff.security.title' } },
  { path: '/c/audit/lockouts', component: () => import('../staff/pages/LockoutsPage.vue'), meta: { title: 'staff.lockout.title' } },
]

// Fields of a student's record are called by the student area's words.
const words = (routes: RouteRecordRaw[]) => routes.map((route) => ({ ...route, meta: { ...route.meta, areas: ['student'] } })) as RouteRecordRaw[]

export const routes = [...staffArea('school', ['SCHOOL', 'DEPARTMENT'], words(SHARED)), ...staffArea('school', ['SCHOOL'], words(OFFICE)), ...announcementRoutes('c', ['SCHOOL', 'DEPARTMENT'], ['SCHOOL'])]
