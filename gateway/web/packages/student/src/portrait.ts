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

/** Where a picture lies under the portrait's frame: its scale over the least that fills the frame, and its corner. */
export interface Placing {
  zoom: number
  x: number
  y: number
}

interface Size {
  width: number
  height: number
}

/** The scale at which a picture just fills a frame. */
function filling(picture: Size, frame: Size): number {
  return Math.max(frame.width / picture.width, frame.height / picture.height)
}

/** How far a picture may be enlarged before its part has fewer pixels than the portrait. */
export function mostZoom(picture: Size, frame: Size): number {
  return Math.max(1, Math.min(4, frame.width / PORTRAIT.width / filling(picture, frame)))
}

/** A placing that leaves no part of the frame empty. */
export function held(placing: Placing, picture: Size, frame: Size): Placing {
  const zoom = Math.min(mostZoom(picture, frame), Math.max(1, placing.zoom))
  const scale = filling(picture, frame) * zoom
  const between = (value: number, least: number): number => Math.min(0, Math.max(least, value))
  return { zoom, x: between(placing.x, frame.width - picture.width * scale), y: between(placing.y, frame.height - picture.height * scale) }
}

/** A placing with another zoom, around the frame's middle. */
export function zoomed(placing: Placing, zoom: number, picture: Size, frame: Size): Placing {
  const factor = zoom / placing.zoom
  return held({ zoom, x: frame.width / 2 - (frame.width / 2 - placing.x) * factor, y: frame.height / 2 - (frame.height / 2 - placing.y) * factor }, picture, frame)
}

/** The part of the picture that lies in the frame, in the picture's own pixels. */
export function part(placing: Placing, picture: Size, frame: Size): Size & { x: number; y: number } {
  const scale = filling(picture, frame) * placing.zoom
  return { x: -placing.x / scale, y: -placing.y / scale, width: frame.width / scale, height: frame.height / scale }
}

/** The size at which the picture is drawn. */
export function drawn(placing: Placing, picture: Size, frame: Size): Size {
  const scale = filling(picture, frame) * placing.zoom
  return { width: picture.width * scale, height: picture.height * scale }
}
