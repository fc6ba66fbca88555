import { describe, expect, it } from 'vitest'
import { barOf, monthsOf, openOn, placeOf, spanOf, type CalendarWindow } from './calendar'
import { oldest } from './queues'

const window = (openDay: string, closeDay: string) => ({ kind: 'WINDOW_KIND_SIGNING', province: { openDay, closeDay } }) as unknown as CalendarWindow

describe('spanOf', () => {
  it('goes from the September before to the December after', () => {
    expect(spanOf(2026, [])).toEqual({ from: '2025-09-01', to: '2026-12-31' })
  })
  it('grows to whole months around a window outside of it', () => {
    expect(spanOf(2026, [window('2025-06-15', '2027-02-10')])).toEqual({ from: '2025-06-01', to: '2027-02-28' })
  })
})

describe('the line', () => {
  const span = { from: '2026-01-01', to: '2026-04-10' }
  it('counts both days of a period', () => {
    expect(barOf(span, '2026-01-01', '2026-04-10')).toEqual({ at: 0, length: 1 })
    expect(barOf(span, '2026-01-01', '2026-01-01').length).toBeCloseTo(0.01)
  })
  it('keeps what lies outside at its ends', () => {
    expect(placeOf(span, '2025-01-01')).toBe(0)
    expect(placeOf(span, '2027-01-01')).toBe(1)
  })
  it('marks each month once', () => {
    expect(monthsOf(span).map((month) => month.day)).toEqual(['2026-01-01', '2026-02-01', '2026-03-01', '2026-04-01'])
  })
})

describe('openOn', () => {
  it('holds on the first and the last day, and without a window', () => {
    const period = { openDay: '2026-03-01', closeDay: '2026-03-02' }
    expect(['2026-02-28', '2026-03-01', '2026-03-02', '2026-03-03'].map((day) => openOn(day, period))).toEqual([false, true, true, false])
    expect(openOn('2026-01-01', undefined)).toBe(true)
  })
})

describe('oldest', () => {
  it('finds the earliest and passes over gaps', () => {
    expect(oldest([undefined, '2026-11-02T00:00:00Z', '2026-11-01T00:00:00Z'])).toBe('2026-11-01T00:00:00Z')
    expect(oldest([])).toBeUndefined()
  })
})
