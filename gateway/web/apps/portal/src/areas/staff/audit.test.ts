import { describe, expect, it } from 'vitest'
import { chainOf } from './audit'

describe('chainOf', () => {
  it('passes over what is not linked yet', () => {
    expect(chainOf([0, 7, 6, 5])).toEqual({ head: 7, tail: 5, whole: true })
  })
  it('finds a gap and a number that is there twice', () => {
    expect(chainOf([7, 5])?.whole).toBe(false)
    expect(chainOf([7, 7, 6])?.whole).toBe(false)
  })
  it('says nothing of an empty list', () => {
    expect(chainOf([0])).toBeUndefined()
  })
})
