// SPDX-License-Identifier: Apache-2.0
//! Functions with every sort of argument, as another language's tools make them.
wit_bindgen::generate!({ world: "shapes", path: "wit" });

use exports::demo::shapes::geometry::{Guest as Geometry, Point, Shape, Style, Unit};

struct Shapes;

impl Geometry for Shapes {
    fn area(of: Shape, unit: Unit) -> Result<f64, String> {
        let area = match of {
            Shape::Empty => 0.0,
            Shape::Circle((_, r)) if r < 0.0 => return Err(format!("a radius of {r}?")),
            Shape::Circle((_, r)) => 3.0 * r * r,
            Shape::Polygon(points) => sum(&points).abs() / 2.0,
        };
        Ok(if unit == Unit::Feet { area * 10.0 } else { area })
    }

    fn labels(all: Vec<Shape>) -> Vec<String> {
        let of = |point: Point| point.label.unwrap_or_else(|| "?".into());
        all.into_iter()
            .flat_map(|shape| match shape {
                Shape::Empty => vec![],
                Shape::Circle((at, _)) => vec![of(at)],
                Shape::Polygon(points) => points.into_iter().map(of).collect(),
            })
            .collect()
    }

    fn flip(s: Style) -> Style {
        Style::all() - s
    }
}

fn sum(points: &[Point]) -> f64 {
    let next = points.iter().cycle().skip(1);
    points.iter().zip(next).map(|(a, b)| a.x * b.y - b.x * a.y).sum()
}

impl Guest for Shapes {
    fn greet(name: String) -> String {
        println!("greeting {name}");
        format!("Hello, {name}!")
    }

    fn fail(message: String) {
        panic!("{message}");
    }
}

export!(Shapes);
