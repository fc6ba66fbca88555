import { flushPromises, mount } from '@vue/test-utils'
import { expect, it, vi } from 'vitest'
import StepUpHost from './components/StepUpHost.vue'
import { i18n } from './i18n'
import { prove } from './stepup'

it('asks when it is wanted, and a dialog that is closed proves nothing', async () => {
  const host = mount(StepUpHost, { attachTo: document.body, global: { plugins: [i18n] } })
  expect(document.querySelector('dialog')).toBeNull()
  const proved = prove(['PASSWORD'])
  await vi.waitFor(() => expect(document.querySelector('dialog input[type=password]')).not.toBeNull(), { timeout: 10_000 })
  document.querySelector<HTMLButtonElement>('dialog button.close')?.click()
  expect(await proved).toBe(false)
  await flushPromises()
  expect(document.querySelector('dialog')).toBeNull()
  host.unmount()
})
