import { addArea, area } from '@qihang/ui'

addArea('province', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

export const routes = area('province', undefined, [])
