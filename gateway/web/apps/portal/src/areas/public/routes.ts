import { addArea, area } from '@qihang/ui'

addArea('public', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

export const routes = area('public', undefined, [])
