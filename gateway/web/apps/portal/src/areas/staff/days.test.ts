import { expect, it } from 'vitest'
import { dayEnd, dayStart } from './days'

it('asks for whole days of Beijing', () => {
  expect(dayStart('2026-11-28')).toBe('2026-11-27T16:00:00.000Z')
  expect(dayEnd('2026-11-28')).toBe('2026-11-28T16:00:00.000Z')
  expect(dayStart('')).toBeUndefined()
  expect(dayEnd('2026-11')).toBeUndefined()
})
