// What both apps' routers do: who may see a page, its words, its title, and where the reader's attention goes.
import { nextTick } from 'vue'
import type { Router, RouteRecordRaw } from 'vue-router'
import { useAreas, words } from './i18n'
import { currentAccount, roleOf, type RoleName } from './session'

declare module 'vue-router' {
  interface RouteMeta {
    /** Message key of the page's title. */
    title?: string
    /** Areas whose words the page reads. */
    areas?: string[]
    /** Roles that may see the page; everybody without it. */
    roles?: RoleName[]
  }
}

/** Routes of one area: its words, and who may come. */
export function area(name: string, roles: RoleName[] | undefined, routes: RouteRecordRaw[]): RouteRecordRaw[] {
  return routes.map((route) => ({
    ...route,
    meta: { ...route.meta, areas: [name, ...(route.meta?.areas ?? [])], ...(roles === undefined ? {} : { roles }) },
  })) as RouteRecordRaw[]
}

/** A path inside this app that a sign-in may return to; anything else is refused (open redirects). */
export function returnPath(wanted: unknown): string | undefined {
  return typeof wanted === 'string' && /^\/(?![/\\])/.test(wanted) && !wanted.includes('\\') ? wanted : undefined
}

const LOADED = 'qihang.reloaded'

export function guard(router: Router, signIn: string): void {
  router.beforeEach(async (to) => {
    const roles = to.meta.roles
    if (roles !== undefined) {
      const role = roleOf(await currentAccount())
      if (role === undefined) return { path: signIn, query: { return_to: to.fullPath } }
      if (!roles.includes(role)) return { path: '/forbidden', query: { from: to.path } }
    }
    await useAreas(['ui', 'domain', ...(to.meta.areas ?? [])])
    return true
  })
  router.afterEach(async (to, from) => {
    const { t } = words
    const title = to.meta.title === undefined ? '' : t(to.meta.title)
    document.title = title === '' ? t('ui.product') : `${title} - ${t('ui.product')}`
    // Where the browser loads a page it reads from the top by itself, with the way past the menu first.
    if (from.matched.length === 0 || to.path === from.path) return
    await nextTick()
    // A new page is told to who cannot see it: its heading takes the focus.
    const heading = document.querySelector<HTMLElement>('main h1')
    heading?.setAttribute('tabindex', '-1')
    heading?.focus({ preventScroll: true })
  })
  // After a new release an open tab asks for files that are gone: load the page anew, once.
  router.onError((error: Error, to) => {
    const gone = /dynamically imported module|Importing a module script failed|preload/i.test(error.message)
    if (gone && sessionStorage.getItem(LOADED) !== to.fullPath) {
      sessionStorage.setItem(LOADED, to.fullPath)
      location.assign(router.resolve(to.fullPath).href)
    }
  })
}
