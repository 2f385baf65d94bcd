//! Days, for waivers. Own and small: a crate for calendars brings time zones, and nothing here has one.

use super::{Date, Waiver};
use std::{
    fmt,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

impl Date {
    /// The day it is now, in UTC; before 1970 it is 1970.
    #[must_use]
    pub fn today() -> Self {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        Self::from_days(seconds / 86_400)
    }

    /// The day that is `days` after 1970-01-01 (Howard Hinnant's `civil_from_days`,
    /// howardhinnant.github.io/date_algorithms.html).
    #[must_use]
    pub fn from_days(days: u64) -> Self {
        // Years run from March here, so that a leap day is the last of one. 719468 days from 0000-03-01.
        let days = days.min(3_000_000) + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let narrow = |n: u64| u8::try_from(n).unwrap_or(u8::MAX);
        Self { year: u16::try_from(year).unwrap_or(u16::MAX), month: narrow(month), day: narrow(day) }
    }

    /// How many days it is after 1970-01-01; 0 for days before.
    #[must_use]
    pub fn days(self) -> u64 {
        let (month, day) = (u64::from(self.month), u64::from(self.day));
        let year = u64::from(self.year) - u64::from(month <= 2).min(u64::from(self.year));
        let from_march = if month > 2 { month - 3 } else { month + 9 };
        let day_of_year = (153 * from_march + 2) / 5 + day.saturating_sub(1);
        (year * 365 + year / 4 - year / 100 + year / 400 + day_of_year).saturating_sub(719_468)
    }
}

/// Why a text is no day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadDate(String);

impl fmt::Display for BadDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadDate {}

impl FromStr for Date {
    type Err = BadDate;

    fn from_str(text: &str) -> Result<Self, BadDate> {
        let shape = || BadDate(format!("`{text}` is not a date; write it as 2027-03-31"));
        let well_formed = text.len() == 10
            && text
                .bytes()
                .enumerate()
                .all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
        if !well_formed {
            return Err(shape());
        }
        let mut parts = text.split('-');
        let mut next = || parts.next().and_then(|p| p.parse::<u16>().ok()).ok_or_else(shape);
        let (year, month, day) = (next()?, next()?, next()?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return Err(BadDate(format!("`{text}` is not a date: there is no month {month}"))),
        };
        if !(1..=days).contains(&day) {
            return Err(BadDate(format!("`{text}` is not a date: that month has the days 1 to {days}")));
        }
        let narrow = |n: u16| u8::try_from(n).map_err(|_| shape());
        Ok(Self { year, month: narrow(month)?, day: narrow(day)? })
    }
}

impl Waiver {
    /// Whether it still holds on `day`; the day that `until` names is the last one.
    #[must_use]
    pub fn holds_on(&self, day: Date) -> bool {
        self.until.is_none_or(|until| day <= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn days_and_dates() {
        // By `date -u -d @$((DAYS * 86400)) +%F`.
        for (days, date) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_779, "2026-11-22"),
            (20_909, "2027-04-01"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(Date::from_days(days).to_string(), date);
            assert_eq!(date.parse::<Date>().unwrap().days(), days, "{date}");
        }
        assert!(Date::today() > "2026-01-01".parse().unwrap());
    }

    #[test]
    fn what_is_no_date() {
        for bad in [
            "",
            "2027",
            "2027-2-1",
            "2027-02-30",
            "2027-13-01",
            "2027-00-01",
            "2027-01-00",
            "2027-03-31T00",
            "31.03.2027",
            "2027/03/31",
            "+027-03-31",
            "2026-02-29",
            "２０２７-03",
        ] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
        let message = "2027-02-30".parse::<Date>().unwrap_err().to_string();
        assert_eq!(message, "`2027-02-30` is not a date: that month has the days 1 to 28");
    }

    #[test]
    fn a_waiver_holds_up_to_its_last_day() {
        let mut waiver = Waiver { finding: "a".into(), reason: "b".into(), until: "2027-03-31".parse().ok() };
        assert!(waiver.holds_on("2027-03-31".parse().unwrap()));
        assert!(!waiver.holds_on("2027-04-01".parse().unwrap()));
        waiver.until = None;
        assert!(waiver.holds_on("9999-12-31".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn there_and_back(days in 0_u64..200_000) {
            let date = Date::from_days(days);
            prop_assert_eq!(date.days(), days);
            prop_assert_eq!(date.to_string().parse::<Date>().unwrap(), date);
        }

        #[test]
        fn never_panics(text in "\\PC{0,12}|[0-9-]{10}", days in any::<u64>()) {
            let _ = text.parse::<Date>();
            let _ = Date::from_days(days);
        }
    }
}
