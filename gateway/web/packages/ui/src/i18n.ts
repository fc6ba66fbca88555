// Words in two languages. An area's words are loaded with its first page, so that nobody loads what they do not read.
import { createI18n, type Composer, type MessageContext } from 'vue-i18n'
import { computed, type WritableComputedRef } from 'vue'
import type { Language } from '@qihang/domain'

type Messages = Record<string, unknown>
type Loader = () => Promise<{ default: Messages }>
/** The files of one area by language. */
export type AreaLoaders = Record<Language, Loader>

const STORED = 'qihang.language'

function first(): Language {
  return localStorage.getItem(STORED) === 'en' ? 'en' : 'zh-CN'
}

/** Messages hold names in braces and nothing else of the library's language, so that its compiler is left out of the build. */
function compile(message: unknown): (context: MessageContext) => string {
  const parts = String(message).split(/\{(\w+)\}/)
  return (context) => parts.map((part, at) => (at % 2 === 0 ? part : String(context.named(part) ?? ''))).join('')
}

export const i18n = createI18n({
  legacy: false,
  messageCompiler: compile as never,
  locale: first(),
  fallbackLocale: 'zh-CN',
  messages: {},
  missingWarn: import.meta.env.DEV,
  fallbackWarn: false,
})

/** The words as they are now, for code outside of components. */
export const words = i18n.global as unknown as Composer

const areas = new Map<string, AreaLoaders>()
const loaded = new Set<string>()

async function load(area: string, language: Language): Promise<void> {
  const key = `${area}/${language}`
  const loader = areas.get(area)?.[language]
  if (loader === undefined || loaded.has(key)) return
  const messages = await loader()
  words.mergeLocaleMessage(language, { [area]: messages.default })
  loaded.add(key)
}

/** Makes an area known; its words are read when they are first wanted. */
export function addArea(area: string, loaders: AreaLoaders): void {
  areas.set(area, loaders)
}

/** Reads the words of some areas in the present language. */
export async function useAreas(names: readonly string[]): Promise<void> {
  await Promise.all(names.map((area) => load(area, words.locale.value as Language)))
}

/** The language of the pages; setting it loads what is on the screen in the other one. */
export function useLanguage(): { language: WritableComputedRef<Language>; change: (to: Language) => Promise<void> } {
  async function change(to: Language): Promise<void> {
    const shown = [...loaded].map((key) => key.split('/')[0] ?? '')
    await Promise.all([...new Set(shown)].map((area) => load(area, to)))
    words.locale.value = to
    document.documentElement.lang = to
    localStorage.setItem(STORED, to)
  }
  const language = computed({ get: () => words.locale.value as Language, set: (to) => void change(to) })
  return { language, change }
}
