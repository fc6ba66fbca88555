// The menus by role, in one table. Names of students' menus are the manual's.
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
}

export interface NavGroup {
  /** Message key below `portal.nav`; none for the first items. */
  label?: string
  items: NavItem[]
}

/** Letter that the paths of a role's pages begin with. */
type Prefix = 's' | 'e' | 'c' | 'p'
/** Path below the prefix, label, icon, and what is said of few: the school office's alone, or pages that belong to it. */
type Row = readonly [path: string, label: string, icon: Component, extra?: { office?: true; also?: string }]

const OFFICE = { office: true } as const

const MENUS: Record<Prefix, readonly (readonly [group: string, rows: readonly Row[]])[]> = {
  s: [
    ['', [['home', 'home', Home]]],
    ['signing', [['guide', 'guide', BookOpen], ['origin', 'origin', ClipboardCheck], ['signing', 'destination', FilePenLine]]],
    ['me', [['profile/basic', 'profile', UserRound], ['announcements', 'announcements', Megaphone]]],
  ],
  e: [
    ['', [['home', 'home', Home]]],
    ['contracts', [['agreements', 'agreements', FilePenLine], ['bulk', 'bulk', TableProperties], ['templates', 'templates', ScrollText]]],
    ['organisation', [['org', 'org', Building2], ['members', 'members', Users], ['announcements', 'announcements', Megaphone]]],
    ['own', [['account', 'account', CircleUserRound]]],
  ],
  c: [
    ['', [['home', 'home', Home], ['queue', 'reviews', ListChecks, { also: '/c/review' }]]],
    ['students', [['students', 'records', GraduationCap], ['roster', 'roster', Table2, OFFICE], ['tickets', 'tickets', LifeBuoy, OFFICE]]],
    ['office', [['employers', 'employers', Building2, OFFICE], ['announcements', 'announcements', Megaphone], ['staff', 'staff', UsersRound, OFFICE], ['settings', 'settings', Settings, OFFICE], ['audit', 'audit', ShieldCheck, OFFICE]]],
    ['own', [['account', 'account', CircleUserRound]]],
  ],
  p: [
    ['', [['home', 'home', Home]]],
    ['admission', [['employers', 'employers', Building2], ['members', 'memberRequests', UserRoundCheck], ['schools', 'schools', School]]],
    ['rules', [['calendar', 'calendar', CalendarRange], ['dictionaries', 'dictionaries', BookMarked], ['templates', 'agreementForms', ScrollText]]],
    ['publishing', [['announcements', 'announcements', Megaphone], ['guides', 'guides', BookOpen]]],
    ['system', [['security', 'audit', ShieldCheck], ['admins', 'admins', KeyRound], ['ops', 'ops', Activity]]],
    ['own', [['account', 'account', CircleUserRound]]],
  ],
}

const PREFIXES: Record<RoleName, Prefix> = { STUDENT: 's', EMPLOYER: 'e', SCHOOL: 'c', DEPARTMENT: 'c', PROVINCE: 'p' }

function menu(role: RoleName): NavGroup[] {
  const prefix = PREFIXES[role]
  const shown = ([, , , extra]: Row): boolean => role !== 'DEPARTMENT' || extra?.office !== true
  return MENUS[prefix].map(([group, rows]) => ({
    ...(group === '' ? {} : { label: group }),
    items: rows.filter(shown).map(([path, label, icon, extra]) => ({ to: `/${prefix}/${path}`, label, icon, ...(extra?.also === undefined ? {} : { also: extra.also }) })),
  }))
}

const ROLES = Object.keys(PREFIXES) as RoleName[]
/** Menus by role. */
export const NAVIGATION = Object.fromEntries(ROLES.map((role) => [role, menu(role)])) as Record<RoleName, NavGroup[]>
/** The first page of each role. */
export const HOME = Object.fromEntries(ROLES.map((role) => [role, `/${PREFIXES[role]}/home`])) as Record<RoleName, string>
