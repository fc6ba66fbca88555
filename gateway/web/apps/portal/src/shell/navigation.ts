// The menus by role. Names of students' menus are the manual's.
import type { RoleName } from '@qihang/ui'
import { BookOpen, ClipboardCheck, FilePenLine, Home, Megaphone, UserRound } from 'lucide-vue-next'
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

/** Menus by role; who has none uses the API (see README). */
export const NAVIGATION: Partial<Record<RoleName, NavGroup[]>> = { STUDENT }
export const HOME: Partial<Record<RoleName, string>> = { STUDENT: '/s/home' }
