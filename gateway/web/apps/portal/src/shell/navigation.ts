// The menus by role. Names of students' menus are the manual's.
import type { RoleName } from '@qihang/ui'
import {
  BadgeCheck, BookOpen, Building2, CalendarDays, ClipboardCheck, FilePenLine, FileStack, FileText, GraduationCap, Home, Inbox, LibraryBig, LifeBuoy,
  ListChecks, Megaphone, Settings, ShieldCheck, ScrollText, UserCog, UserRound, Users, UsersRound, Wrench,
} from 'lucide-vue-next'
import type { Component } from 'vue'

export interface NavItem {
  to: string
  /** Message key below `portal.nav`. */
  label: string
  icon: Component
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

const EMPLOYER: NavGroup[] = [
  { items: [{ to: '/e/home', label: 'home', icon: Home }] },
  {
    label: 'agreements',
    items: [
      { to: '/e/agreements', label: 'agreementList', icon: FileText },
      { to: '/e/bulk', label: 'bulk', icon: FileStack },
      { to: '/e/templates', label: 'clauses', icon: ScrollText },
    ],
  },
  {
    label: 'organisation',
    items: [
      { to: '/e/org', label: 'employer', icon: Building2 },
      { to: '/e/members', label: 'members', icon: Users },
      { to: '/e/announcements', label: 'announcements', icon: Megaphone },
      { to: '/e/account', label: 'account', icon: UserCog },
    ],
  },
]

const SCHOOL: NavGroup[] = [
  {
    items: [
      { to: '/c/home', label: 'home', icon: Home },
      { to: '/c/queue', label: 'queue', icon: Inbox },
    ],
  },
  {
    label: 'students',
    items: [
      { to: '/c/students', label: 'studentList', icon: GraduationCap },
      { to: '/c/roster', label: 'roster', icon: ListChecks },
      { to: '/c/tickets', label: 'tickets', icon: LifeBuoy },
    ],
  },
  {
    label: 'employers',
    items: [{ to: '/c/employers', label: 'employerList', icon: Building2 }],
  },
  {
    label: 'office',
    items: [
      { to: '/c/announcements', label: 'announcements', icon: Megaphone },
      { to: '/c/staff', label: 'staff', icon: UsersRound },
      { to: '/c/settings', label: 'settings', icon: Settings },
      { to: '/c/audit', label: 'audit', icon: ShieldCheck },
      { to: '/c/account', label: 'account', icon: UserCog },
    ],
  },
]

const PROVINCE: NavGroup[] = [
  { items: [{ to: '/p/home', label: 'overview', icon: Home }] },
  {
    label: 'admission',
    items: [
      { to: '/p/schools', label: 'schools', icon: GraduationCap },
      { to: '/p/employers', label: 'admissions', icon: BadgeCheck },
      { to: '/p/members', label: 'memberRequests', icon: Users },
    ],
  },
  {
    label: 'rules',
    items: [
      { to: '/p/calendar', label: 'calendar', icon: CalendarDays },
      { to: '/p/dictionaries', label: 'dictionaries', icon: LibraryBig },
      { to: '/p/templates', label: 'templates', icon: FileText },
      { to: '/p/guides', label: 'guides', icon: BookOpen },
      { to: '/p/announcements', label: 'announcements', icon: Megaphone },
    ],
  },
  {
    label: 'safety',
    items: [
      { to: '/p/security', label: 'security', icon: ShieldCheck },
      { to: '/p/admins', label: 'admins', icon: UsersRound },
      { to: '/p/ops', label: 'operations', icon: Wrench },
      { to: '/p/account', label: 'account', icon: UserCog },
    ],
  },
]

export const NAVIGATION: Record<RoleName, NavGroup[]> = { STUDENT, EMPLOYER, SCHOOL, DEPARTMENT: SCHOOL, PROVINCE }
export const HOME: Record<RoleName, string> = { STUDENT: '/s/home', EMPLOYER: '/e/home', SCHOOL: '/c/home', DEPARTMENT: '/c/home', PROVINCE: '/p/home' }

