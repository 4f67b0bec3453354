//! The burn-down of a campaign as a picture: how many were open on each day, the day by which it shall be over, and when it
//! will be if it goes on like this.

use super::picture::escape;
use loggia_model::Day;
use loggia_model::campaign::{Forecast, Point};
use std::fmt::Write;

const WIDTH: i64 = 720;
const HEIGHT: i64 = 240;
/// Room for the words at the left, above, at the right and below.
const LEFT: i64 = 36;
const TOP: i64 = 14;
const RIGHT: i64 = 16;
const BOTTOM: i64 = 26;

/// What is drawn.
pub struct Curve<'a> {
    /// A point for each day.
    pub days: &'a [Point],
    /// When it will be over.
    pub forecast: Option<Forecast>,
    /// The day by which it shall be over.
    pub deadline: Option<Day>,
}

/// The place of days and counts on the picture.
struct Scale {
    first: i64,
    days: i64,
    most: i64,
}

impl Scale {
    fn x(&self, day: Day) -> i64 {
        LEFT + (day.0 - self.first) * (WIDTH - LEFT - RIGHT) / self.days
    }

    fn y(&self, count: i64) -> i64 {
        HEIGHT - BOTTOM - count * (HEIGHT - TOP - BOTTOM) / self.most
    }
}

/// Draws it; none before there is anything to draw.
pub fn draw(curve: &Curve<'_>) -> Option<String> {
    let (first, last) = (curve.days.first()?, curve.days.last()?);
    let far = [Some(last.day), curve.deadline, curve.forecast.map(|f| f.day)].into_iter().flatten().max()?;
    // A forecast of years would leave nothing of the weeks that were.
    let far = far.0.min(last.day.0 + (last.day.since(first.day) * 3).max(30));
    let most = curve.days.iter().map(|point| count(point.total)).max()?.max(1);
    let scale = Scale { first: first.day.0, days: (far - first.day.0).max(1), most };
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" \
         aria-labelledby=\"c-title c-desc\"><title id=\"c-title\">Burn-down</title><desc id=\"c-desc\">{}</desc>",
        escape(&words(curve, last))
    );
    frame(&mut svg, &scale, (first.day, Day(far)));
    let line: Vec<String> =
        curve.days.iter().map(|point| format!("{},{}", scale.x(point.day), scale.y(count(point.open())))).collect();
    let (x0, x1, y0) = (scale.x(first.day), scale.x(last.day), scale.y(0));
    let _ = write!(svg, "<polygon class=\"curve-fill\" points=\"{x0},{y0} {} {x1},{y0}\"/>", line.join(" "));
    let _ = write!(svg, "<polyline class=\"curve\" points=\"{}\"/>", line.join(" "));
    let _ = write!(svg, "<circle class=\"curve-now\" cx=\"{x1}\" cy=\"{}\" r=\"4\"/>", scale.y(count(last.open())));
    if let Some(forecast) = curve.forecast {
        // Where it lies beyond the picture, the line leaves it on its way there.
        let open = count(last.open());
        let (days, whole) = (far - last.day.0, forecast.day.since(last.day).max(1));
        let left = if forecast.day.0 > far { open - open * days / whole } else { 0 };
        let to = Day(forecast.day.0.min(far));
        let (x2, y1, y2) = (scale.x(to), scale.y(open), scale.y(left));
        let _ = write!(svg, "<line class=\"curve-ahead\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>");
    }
    if let Some(day) = curve.deadline.filter(|day| (first.day.0..=far).contains(&day.0)) {
        let (x, anchor) = (scale.x(day), if scale.x(day) > WIDTH / 2 { "end" } else { "start" });
        let shift = if anchor == "end" { -5 } else { 5 };
        let _ = write!(
            svg,
            "<line class=\"curve-due\" x1=\"{x}\" y1=\"{TOP}\" x2=\"{x}\" y2=\"{y0}\"/>\
             <text class=\"curve-word\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">deadline</text>",
            x + shift,
            TOP + 10
        );
    }
    svg.push_str("</svg>");
    Some(svg)
}

/// The lines and words around it.
fn frame(svg: &mut String, scale: &Scale, (first, far): (Day, Day)) {
    let right = WIDTH - RIGHT;
    let half = (scale.most > 1).then_some(scale.most / 2);
    for at in [Some(0), half, Some(scale.most)].into_iter().flatten() {
        let y = scale.y(at);
        let _ = write!(
            svg,
            "<line class=\"curve-rule\" x1=\"{LEFT}\" y1=\"{y}\" x2=\"{right}\" y2=\"{y}\"/>\
             <text class=\"curve-word\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{at}</text>",
            LEFT - 6,
            y + 4
        );
    }
    let below = HEIGHT - 8;
    let _ = write!(svg, "<text class=\"curve-word\" x=\"{LEFT}\" y=\"{below}\">{first}</text>");
    let _ = write!(svg, "<text class=\"curve-word\" x=\"{right}\" y=\"{below}\" text-anchor=\"end\">{far}</text>");
}

/// The picture in words, for who does not see it.
fn words(curve: &Curve<'_>, last: &Point) -> String {
    let mut said = format!("{} of {} are open on {}.", last.open(), last.total, last.day);
    if let Some(forecast) = curve.forecast {
        let _ = write!(said, " As it goes, it is over on {}.", forecast.day);
    }
    if let Some(day) = curve.deadline {
        let _ = write!(said, " The deadline is {day}.");
    }
    said
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Curve, draw};
    use loggia_model::Day;
    use loggia_model::campaign::{Forecast, Point};

    #[test]
    fn a_curve_stays_on_its_picture_and_is_told_in_words() {
        assert!(draw(&Curve { days: &[], forecast: None, deadline: None }).is_none());
        let days: Vec<Point> =
            (0..22).map(|day| Point { day: Day(20_000 + day), total: 31, done: day as usize, exempt: 1 }).collect();
        for ahead in [1, 40, 900] {
            let forecast = Some(Forecast { day: Day(20_021 + ahead), per_day: 1.0, measured_days: 14 });
            let svg = draw(&Curve { days: &days, forecast, deadline: Some(Day(20_060)) }).unwrap();
            assert!(svg.contains("9 of 31 are open on 2024-10-25") && svg.contains("deadline"), "{svg}");
            let numbers = svg.split("x2=\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse::<i64>().ok());
            assert!(numbers.into_iter().all(|x| (0..=720).contains(&x)), "{svg}");
            let heights = svg.split("y2=\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse::<i64>().ok());
            assert!(heights.into_iter().all(|y| (0..=240).contains(&y)), "{svg}");
        }
    }
}
