//! The table of masks: a row for each mask, a column for each subsystem, 1 where the bit is set.

use crate::text;

/// One mask of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its value.
    pub(super) mask: u64,
}

/// The table, in as many blocks of columns as `width` asks for. A bit without a subsystem has no column.
pub(super) fn text(rows: &[Row<'_>], ids: &[(String, u32)], width: usize) -> String {
    let label = rows.iter().map(|r| text::columns(r.name)).max().unwrap_or(0);
    let names: Vec<(String, u32)> = ids.iter().map(|(name, id)| (text::plain(name), *id)).collect();
    let mut blocks = Vec::new();
    let mut rest = names.as_slice();
    while !rest.is_empty() {
        let fit = fitting(rest, width.saturating_sub(label));
        let (here, after) = rest.split_at(fit);
        blocks.push(block(rows, here, label));
        rest = after;
    }
    blocks.join("\n")
}

/// How many columns fit; one at least, however narrow it is.
fn fitting(names: &[(String, u32)], room: usize) -> usize {
    let mut used = 0;
    let fit = names.iter().take_while(|(name, _)| {
        used += 2 + text::columns(name);
        used <= room
    });
    fit.count().max(1)
}

fn block(rows: &[Row<'_>], names: &[(String, u32)], label: usize) -> String {
    let mut out = " ".repeat(label);
    for (name, _) in names {
        out.push_str("  ");
        out.push_str(name);
    }
    out.push('\n');
    for row in rows {
        out.push_str(row.name);
        out.push_str(&" ".repeat(label.saturating_sub(text::columns(row.name))));
        for (name, id) in names {
            let bit = row.mask.checked_shr(*id).unwrap_or(0) & 1;
            out.push_str(&" ".repeat(2 + text::columns(name).saturating_sub(1)));
            out.push(if bit == 1 { '1' } else { '0' });
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_into_blocks() {
        let ids: Vec<(String, u32)> =
            ["cpuset", "cpu", "io", "pids"].into_iter().map(str::to_owned).zip(0..).collect();
        let rows = [Row { name: "implicit", mask: 0b10 }, Row { name: "inhibit", mask: 0b1001 }];
        let wide = "          cpuset  cpu  io  pids\n\
                    implicit       0    1   0     0\n\
                    inhibit        1    0   0     1\n";
        assert_eq!(text(&rows, &ids, 80), wide);
        let narrow = text(&rows, &ids, 24);
        assert_eq!(narrow.split("\n\n").count(), 2, "{narrow}");
        assert!(narrow.lines().all(|l| l.len() <= 24), "{narrow}");
        assert_eq!(text(&rows, &ids, 0).split("\n\n").count(), 4);
        assert_eq!(text(&rows, &[], 80), "");
    }
}
