// The routes of an app, asked of the app itself.
import type { Browser } from '@playwright/test'
import { settled } from './page'
import { URL } from './session'

export interface Route {
  path: string
  name: string
  roles: string[]
  redirect: boolean
}

export async function routesOf(browser: Browser, app: '' | '/h5'): Promise<Route[]> {
  const page = await browser.newPage()
  await page.goto(`${URL}${app}/login`)
  await settled(page)
  const found = await page.evaluate(() => {
    interface Table {
      getRoutes(): { path: string; name?: unknown; redirect?: unknown; meta: { roles?: string[] } }[]
    }
    const mounted = document.querySelector('#app') as unknown as { __vue_app__: { config: { globalProperties: { $router: Table } } } }
    const all = mounted.__vue_app__.config.globalProperties.$router.getRoutes()
    return all.map(({ path, name, redirect, meta }) => ({ path, name: String(name ?? ''), roles: [...(meta.roles ?? [])], redirect: redirect !== undefined }))
  })
  await page.close()
  return found
}
