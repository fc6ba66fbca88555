// How an app begins: words, the client of the suite, and what to do when a session ends.
import { connect } from '@qihang/api'
import { VueQueryPlugin } from '@tanstack/vue-query'
import { createApp, type Component } from 'vue'
import type { Router } from 'vue-router'
import { addArea, i18n, words } from './i18n'
import { queries } from './session'
import { prove } from './stepup'
import { toast } from './toasts'

addArea('ui', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })
addArea('domain', { 'zh-CN': () => import('@qihang/domain/locales/zh-CN.json'), en: () => import('@qihang/domain/locales/en.json') })

export function start(root: Component, router: Router, app: { client: 'web' | 'h5'; signIn: string }): void {
  document.documentElement.dataset['app'] = app.client
  connect({
    client: app.client,
    prove,
    signedOut: () => {
      queries.setQueryData(['account'], null)
      if (router.currentRoute.value.meta.roles === undefined) return
      toast(words.t('ui.session.ended'), { tone: 'info' })
      void router.replace({ path: app.signIn, query: { return_to: router.currentRoute.value.fullPath } })
    },
  })
  createApp(root).use(i18n).use(router).use(VueQueryPlugin, { queryClient: queries }).mount('#app')
}
