import { describe, expect, it } from 'vitest'
import { age, following, kindOf, minutesLeft, step, type Review } from './review'

const at = (recordId: string): Review => ({ recordId }) as Review
const NOW = new Date('2026-11-27T12:00:00Z')

describe('the order of the queue', () => {
  const reviews = [at('a'), at('b'), at('c')]
  it('goes on from the record that is open', () => {
    expect(step(reviews, 'a', 1)?.recordId).toBe('b')
    expect(step(reviews, 'b', -1)?.recordId).toBe('a')
    expect(step(reviews, 'c', 1)).toBeUndefined()
    expect(step(reviews, '', 1)?.recordId).toBe('a')
    expect(step(reviews, '', -1)?.recordId).toBe('c')
  })
  it('opens the next one after a decision, the one before at the end, none when none is left', () => {
    expect(following(reviews, 'b')?.recordId).toBe('c')
    expect(following(reviews, 'c')?.recordId).toBe('b')
    expect(following([at('a')], 'a')).toBeUndefined()
    expect(following(reviews, 'elsewhere')?.recordId).toBe('a')
  })
})

describe('age', () => {
  it('tells how long something waits', () => {
    expect(age({ since: '2026-11-25T09:30:00Z', overdue: false }, NOW)).toEqual({ days: 2, hours: 2, minutes: 30, tone: 'calm' })
  })
  it('tells what is due soon and what is overdue', () => {
    expect(age({ since: '2026-11-27T11:00:00Z', dueTime: '2026-11-28T11:00:00Z', overdue: false }, NOW).tone).toBe('soon')
    expect(age({ since: '2026-11-27T11:00:00Z', dueTime: '2026-11-29T11:00:00Z', overdue: false }, NOW).tone).toBe('calm')
    expect(age({ since: '2026-11-27T11:00:00Z', dueTime: '2026-11-27T11:30:00Z', overdue: false }, NOW).tone).toBe('over')
    expect(age({ since: '2026-11-27T11:00:00Z', overdue: true }, NOW).tone).toBe('over')
  })
})

it('knows kinds by their address', () => {
  expect(kindOf('correction')).toBe('CORRECTION')
  expect(kindOf('other')).toBeUndefined()
})

it('never tells less than a minute of what is left', () => {
  expect(minutesLeft('2026-11-27T12:00:01Z', NOW)).toBe(1)
  expect(minutesLeft('2026-11-27T12:10:05Z', NOW)).toBe(10)
  expect(minutesLeft('2026-11-27T11:00:00Z', NOW)).toBe(0)
  expect(minutesLeft(undefined, NOW)).toBe(0)
})
