// The menus by role. Names of students' menus are the manual's.
import type { RoleName } from '@qihang/ui'
import { Activity, BookMarked, BookOpen, Building2, CalendarRange, CircleUserRound, ClipboardCheck, FilePenLine, GraduationCap, Home, KeyRound, LifeBuoy, ListChecks, Megaphone, School, ScrollText, Settings, ShieldCheck, Table2, TableProperties, UserRound, UserRoundCheck, Users, UsersRound } from 'lucide-vue-next'
import type { Component } from 'vue'

export interface NavItem {
  to: string
  /** Message key below `portal.nav`. */
  label: string
  icon: Component
  /** Pages below another path that belong to it. */
  also?: string
  /** The school office's alone, not its departments'. */
  office?: boolean
}

export interface NavGroup {
  /** Message key below `portal.nav`; none for the first items. */
  label?: string
  items: NavItem[]
}

const STUDENT: NavGroup[] = [
  { items: [{ to: '/s/home', label: 'home', icon: Home }] },
  {
    label: 'signing',
    items: [
      { to: '/s/guide', label: 'guide', icon: BookOpen },
      { to: '/s/origin', label: 'origin', icon: ClipboardCheck },
      { to: '/s/signing', label: 'destination', icon: FilePenLine },
    ],
  },
  {
    label: 'me',
    items: [
      { to: '/s/profile/basic', label: 'profile', icon: UserRound },
      { to: '/s/announcements', label: 'announcements', icon: Megaphone },
    ],
  },
]

/** What every role but students has last: the own account. */
const own = (prefix: 'e' | 'c' | 'p'): NavGroup => ({ label: 'own', items: [{ to: `/${prefix}/account`, label: 'account', icon: CircleUserRound }] })

const EMPLOYER: NavGroup[] = [
  { items: [{ to: '/e/home', label: 'home', icon: Home }] },
  {
    label: 'contracts',
    items: [
      { to: '/e/agreements', label: 'agreements', icon: FilePenLine },
      { to: '/e/bulk', label: 'bulk', icon: TableProperties },
      { to: '/e/templates', label: 'templates', icon: ScrollText },
    ],
  },
  {
    label: 'organisation',
    items: [
      { to: '/e/org', label: 'org', icon: Building2 },
      { to: '/e/members', label: 'members', icon: Users },
      { to: '/e/announcements', label: 'announcements', icon: Megaphone },
    ],
  },
  own('e'),
]

/** The office's menu; departments use part of it. */
const SCHOOL: NavGroup[] = [
  {
    items: [
      { to: '/c/home', label: 'home', icon: Home },
      { to: '/c/queue', label: 'reviews', icon: ListChecks, also: '/c/review' },
    ],
  },
  {
    label: 'students',
    items: [
      { to: '/c/students', label: 'records', icon: GraduationCap },
      { to: '/c/roster', label: 'roster', icon: Table2, office: true },
      { to: '/c/tickets', label: 'tickets', icon: LifeBuoy, office: true },
    ],
  },
  {
    label: 'office',
    items: [
      { to: '/c/employers', label: 'employers', icon: Building2, office: true },
      { to: '/c/announcements', label: 'announcements', icon: Megaphone },
      { to: '/c/staff', label: 'staff', icon: UsersRound, office: true },
      { to: '/c/settings', label: 'settings', icon: Settings, office: true },
      { to: '/c/audit', label: 'audit', icon: ShieldCheck, office: true },
    ],
  },
  own('c'),
]
const DEPARTMENT: NavGroup[] = SCHOOL.map((group) => ({ ...group, items: group.items.filter((item) => item.office !== true) })).filter((group) => group.items.length > 0)

const PROVINCE: NavGroup[] = [
  { items: [{ to: '/p/home', label: 'home', icon: Home }] },
  {
    label: 'admission',
    items: [
      { to: '/p/employers', label: 'employers', icon: Building2 },
      { to: '/p/members', label: 'memberRequests', icon: UserRoundCheck },
      { to: '/p/schools', label: 'schools', icon: School },
    ],
  },
  {
    label: 'rules',
    items: [
      { to: '/p/calendar', label: 'calendar', icon: CalendarRange },
      { to: '/p/dictionaries', label: 'dictionaries', icon: BookMarked },
      { to: '/p/templates', label: 'agreementForms', icon: ScrollText },
    ],
  },
  {
    label: 'publishing',
    items: [
      { to: '/p/announcements', label: 'announcements', icon: Megaphone },
      { to: '/p/guides', label: 'guides', icon: BookOpen },
    ],
  },
  {
    label: 'system',
    items: [
      { to: '/p/security', label: 'audit', icon: ShieldCheck },
      { to: '/p/admins', label: 'admins', icon: KeyRound },
      { to: '/p/ops', label: 'ops', icon: Activity },
    ],
  },
  own('p'),
]

/** Menus by role; who has none uses the API (see README). */
export const NAVIGATION: Partial<Record<RoleName, NavGroup[]>> = { STUDENT, EMPLOYER, SCHOOL, DEPARTMENT, PROVINCE }
export const HOME: Partial<Record<RoleName, string>> = { STUDENT: '/s/home', EMPLOYER: '/e/home', SCHOOL: '/c/home', DEPARTMENT: '/c/home', PROVINCE: '/p/home' }
