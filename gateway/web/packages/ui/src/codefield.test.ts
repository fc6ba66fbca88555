import { mount, type VueWrapper } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import { defineComponent, h } from 'vue'
import CodeField from './components/CodeField.vue'
import FormPage from './components/FormPage.vue'
import { useForm, type Form } from './form'
import { i18n, words } from './i18n'
import zh from './locales/zh-CN.json'
import { placeBeside } from './place'

words.mergeLocaleMessage('zh-CN', { ui: zh })

const OPTIONS = [
  { value: '230103', label: '南岗区', path: '黑龙江省 哈尔滨市' },
  { value: '230102', label: '道里区', path: '黑龙江省 哈尔滨市' },
  { value: '110105', label: '朝阳区', path: '北京市' },
]

function field(initial = ''): { page: VueWrapper; box: ReturnType<VueWrapper['get']>; value: () => unknown } {
  let form: Form<{ code: string }> | undefined
  const Host = defineComponent(() => {
    form = useForm({ initial: () => ({ code: initial }), submit: async () => undefined })
    return () => h(FormPage as never, { form, action: 'send' }, () => h(CodeField, { name: 'code', label: '生源地', options: OPTIONS }))
  })
  const page = mount(Host, { attachTo: document.body, global: { plugins: [i18n] } })
  return { page, box: page.get('[role=combobox]'), value: () => form?.values.code }
}
const shown = (page: VueWrapper): string[] => page.findAll('[role=option]').map((option) => option.text())

describe('the box over a long table', () => {
  it('finds by any part and takes with Enter what the keys point at', async () => {
    const { page, box, value } = field()
    await box.setValue('哈尔滨')
    expect(shown(page)).toHaveLength(2)
    expect(box.attributes('aria-expanded')).toBe('true')
    await box.trigger('keydown', { key: 'ArrowDown' })
    expect(page.get(`#${box.attributes('aria-activedescendant')}`).text()).toContain('道里区')
    await box.trigger('keydown', { key: 'Enter' })
    expect(value()).toBe('230102')
    expect((box.element as HTMLInputElement).value).toBe('黑龙江省 哈尔滨市 道里区')
    expect(box.attributes('aria-expanded')).toBe('false')
  })
  it('takes what is pressed, and forgets what was only typed', async () => {
    const { page, box, value } = field('110105')
    await box.setValue('南岗')
    await box.trigger('blur')
    expect(value()).toBe('110105')
    await box.setValue('南岗')
    await page.get('[role=option]').trigger('click')
    expect(value()).toBe('230103')
  })
  it('chooses nothing when it is emptied, and keeps its choice on Escape', async () => {
    const { box, value } = field('110105')
    await box.setValue('')
    await box.trigger('keydown', { key: 'Escape' })
    expect(value()).toBe('110105')
    await box.setValue('')
    await box.trigger('blur')
    expect(value()).toBe('')
  })
  it('says when nothing is found', async () => {
    const { page, box } = field()
    await box.setValue('没有这里')
    expect(page.find('[role=listbox]').exists()).toBe(false)
    expect(page.get('.none').text()).not.toBe('')
    expect(box.attributes('aria-controls')).toBeUndefined()
  })
})

describe('the place of a list', () => {
  it('is below, or above where there is more room', () => {
    expect(placeBeside({ left: 8, top: 100, bottom: 144, width: 300 }, 800)).toEqual({ left: '8px', width: '300px', maxHeight: '320px', top: '148px' })
    expect(placeBeside({ left: 8, top: 500, bottom: 544, width: 300 }, 640)).toEqual({ left: '8px', width: '300px', maxHeight: '320px', bottom: '144px' })
  })
})
