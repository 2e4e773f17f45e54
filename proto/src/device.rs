//! Kinds of client and what follows from them (PROTOCOL.md, "Client types").

use crate::error::FieldError;

/// The number a client logs in with, checked: one of the four of the base protocol, or one of the two that web
/// clients of known forks use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceType(u8);

impl DeviceType {
    /// Every accepted number: Windows, macOS, iOS, Android, and two web types of forks.
    pub const KNOWN: [u8; 6] = [0x01, 0x02, 0x11, 0x12, 0x13, 0x21];

    /// A desktop, as a phone names the class that it displaces.
    pub const MAC: Self = Self(0x02);

    /// A type of each class, for what concerns all devices of a user.
    pub const ONE_OF_EACH_CLASS: [Self; 3] = [Self::MAC, Self(0x12), Self(0x21)];

    /// The type with that number.
    pub fn parse(raw: i32) -> Result<Self, FieldError> {
        u8::try_from(raw)
            .ok()
            .filter(|number| Self::KNOWN.contains(number))
            .map(Self)
            .ok_or(FieldError {
                field: "client_type",
            })
    }

    /// The number on the wire.
    pub fn raw(self) -> i32 {
        i32::from(self.0)
    }

    /// Bit 0x10: a phone, which is not "online" for others and may stay silent for longer.
    pub fn is_mobile(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Two types of one class displace each other at login: they agree above the low four bits.
    pub fn same_class(self, other: Self) -> bool {
        (self.0 ^ other.0) >> 4 == 0
    }

    /// Every known type of its class, itself included.
    pub fn class(self) -> Vec<Self> {
        Self::all().filter(|other| other.same_class(self)).collect()
    }

    /// Every known type.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::KNOWN.into_iter().map(Self)
    }

    /// This type's bit in a [`DeviceSet`].
    fn bit(self) -> u8 {
        let place = Self::KNOWN.iter().position(|known| *known == self.0);
        1 << place.expect("a DeviceType is made of a known number")
    }
}

/// Which types of device of one user are connected somewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceSet(u8);

impl DeviceSet {
    /// Adds a type; adding it twice is adding it once.
    pub fn insert(&mut self, device: DeviceType) {
        self.0 |= device.bit();
    }

    /// Takes a type away.
    pub fn remove(&mut self, device: DeviceType) {
        self.0 &= !device.bit();
    }

    /// No device at all.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether others see the user as online: a desktop is connected.
    pub fn has_desktop(self) -> bool {
        self.iter().any(|device| !device.is_mobile())
    }

    /// The types, in the order of [`DeviceType::KNOWN`].
    pub fn iter(self) -> impl Iterator<Item = DeviceType> {
        DeviceType::KNOWN
            .into_iter()
            .map(DeviceType)
            .filter(move |device| self.0 & device.bit() != 0)
    }
}
