//! The protobuf wire format, read in place.

/// The bytes are not what they should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// How deep groups and messages may be nested, as in prost.
pub(super) const DEEPEST: usize = 100;

/// A field as on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Raw<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// A place in encoded bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next field; `None` for one that was skipped (a group, which proto3 does not have).
    pub(super) fn field(&mut self) -> Result<(u32, Option<Raw<'a>>), Malformed> {
        let key = u32::try_from(self.varint()?).map_err(|_| Malformed)?;
        let number = key >> 3;
        if number == 0 {
            return Err(Malformed);
        }
        let raw = match key & 7 {
            3 => {
                self.skip_group(number, 1)?;
                return Ok((number, None));
            }
            wire_type => self.value(wire_type)?,
        };
        Ok((number, Some(raw)))
    }

    fn value(&mut self, wire_type: u32) -> Result<Raw<'a>, Malformed> {
        match wire_type {
            0 => self.varint().map(Raw::Varint),
            1 => self.fixed64().map(Raw::Fixed64),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                self.take(length).map(Raw::Bytes)
            }
            5 => self.fixed32().map(Raw::Fixed32),
            _ => Err(Malformed),
        }
    }

    pub(super) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for (index, byte) in self.0.iter().take(10).enumerate() {
            // The tenth byte has room for one bit.
            if index == 9 && *byte > 1 {
                return Err(Malformed);
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.0 = self.0.get(index + 1..).ok_or(Malformed)?;
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    pub(super) fn fixed64(&mut self) -> Result<u64, Malformed> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    pub(super) fn fixed32(&mut self) -> Result<u32, Malformed> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*bytes))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn skip_group(&mut self, number: u32, depth: usize) -> Result<(), Malformed> {
        if depth >= DEEPEST {
            return Err(Malformed);
        }
        loop {
            let key = u32::try_from(self.varint()?).map_err(|_| Malformed)?;
            match key & 7 {
                3 => self.skip_group(key >> 3, depth + 1)?,
                4 => {
                    return if key >> 3 == number {
                        Ok(())
                    } else {
                        Err(Malformed)
                    };
                }
                wire_type => {
                    self.value(wire_type)?;
                }
            }
        }
    }
}
