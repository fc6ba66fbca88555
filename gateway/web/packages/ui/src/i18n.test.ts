import { describe, expect, it } from 'vitest'
import { words } from './i18n'

type Words = { [name: string]: Words | string }
const found = import.meta.glob<Words>(['../../*/src/**/locales/*.json', '../../../apps/*/src/**/locales/*.json'], { eager: true, import: 'default' })
const pairs = Object.entries(found).filter(([path]) => path.endsWith('/zh-CN.json')).map(([path, zh]) => ({ path, zh, en: found[path.replace('zh-CN', 'en')] }))

function flat(messages: Words, before = ''): [string, string][] {
  return Object.entries(messages).flatMap(([name, value]) => (typeof value === 'string' ? [[before + name, value]] : flat(value, `${before}${name}.`)) as [string, string][])
}
const names = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort()

describe('the words of every area', () => {
  it('are found', () => expect(pairs.length).toBeGreaterThan(10))
  it.each(pairs)('$path has the same in both languages', ({ zh, en }) => {
    const [chinese, english] = [new Map(flat(zh)), new Map(flat(en ?? {}))]
    // What the server tells in Chinese is put into English alone.
    const own = [...english.keys()].filter((key) => !key.startsWith('problem.codes.'))
    expect(own.sort()).toEqual([...chinese.keys()].sort())
    for (const [key, text] of chinese) expect([key, names(english.get(key) ?? '')]).toEqual([key, names(text)])
  })
  it.each(pairs)('$path holds names in braces and nothing that wants a compiler', ({ zh, en }) => {
    for (const [key, text] of [...flat(zh), ...flat(en ?? {})]) expect([key, text.replace(/\{\w+\}/g, '')]).not.toEqual([key, expect.stringMatching(/[{}|]|@[.:]/)])
  })
})

describe('a message', () => {
  it('takes what it names', () => {
    words.mergeLocaleMessage('zh-CN', { test: { left: '还剩 {days} 天 {hours} 小时', mail: '形如 name@example.com' } })
    expect(words.t('test.left', { days: 2, hours: 0 })).toBe('还剩 2 天 0 小时')
    expect(words.t('test.left', { days: 2 })).toBe('还剩 2 天  小时')
    expect(words.t('test.mail')).toBe('形如 name@example.com')
  })
})
