// What a portrait must be; the server holds to the same.

export const PORTRAIT = { width: 295, height: 413, megabytes: 2 } as const

export interface Picture {
  type: string
  size: number
  width: number
  height: number
}

/** Why a picture cannot become a portrait. Its bytes may be more than the portrait's: it is cut first. */
export function pictureFault(picture: Picture): 'kind' | 'large' | 'small' | undefined {
  if (!['image/png', 'image/jpeg'].includes(picture.type)) return 'kind'
  if (picture.size > 20 * 1024 * 1024) return 'large'
  return picture.width < PORTRAIT.width || picture.height < PORTRAIT.height ? 'small' : undefined
}
