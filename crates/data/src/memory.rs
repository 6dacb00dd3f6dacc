//! Filters, order and pages over objects that no table holds, or on fields that no column holds.

use std::cmp::Ordering;

use serde_json::{Map, Value as Json};

use crate::entity::Kind;
use crate::query::{Filter, Literal, Operator, Order, Query};

/// An object.
pub(crate) type Item = Map<String, Json>;

/// Keeps those for which all filters hold.
pub(crate) fn filter(items: &mut Vec<Item>, filters: &[Filter]) {
    items.retain(|item| filters.iter().all(|filter| holds(item, filter)));
}

fn holds(item: &Item, filter: &Filter) -> bool {
    let value = item.get(filter.field.name).unwrap_or(&Json::Null);
    let any = |compare: &dyn Fn(&Literal) -> bool| filter.values.iter().any(compare);
    let order = |wanted: &dyn Fn(Ordering) -> bool| {
        any(&|literal| compare(value, literal).is_some_and(wanted))
    };
    match filter.operator {
        Operator::In => any(&|literal| equals(value, literal)),
        Operator::NotIn => !any(&|literal| equals(value, literal)),
        Operator::Less => order(&|ordering| ordering.is_lt()),
        Operator::LessOrEqual => order(&|ordering| ordering.is_le()),
        Operator::Greater => order(&|ordering| ordering.is_gt()),
        Operator::GreaterOrEqual => order(&|ordering| ordering.is_ge()),
        Operator::Contains => any(&|literal| contains(value, literal, &filter.field.kind)),
    }
}

fn equals(value: &Json, literal: &Literal) -> bool {
    match (value, literal) {
        (Json::Number(number), Literal::Integer(wanted)) => number.as_i64() == Some(*wanted),
        (Json::Bool(value), Literal::Boolean(wanted)) => value == wanted,
        (Json::String(text), Literal::Text(wanted)) => text == wanted,
        (Json::Null, Literal::Null) => true,
        _ => false,
    }
}

fn compare(value: &Json, literal: &Literal) -> Option<Ordering> {
    match (value, literal) {
        (Json::Number(number), Literal::Integer(wanted)) => Some(number.as_i64()?.cmp(wanted)),
        (Json::Bool(value), Literal::Boolean(wanted)) => Some(value.cmp(wanted)),
        (Json::String(text), Literal::Text(wanted)) => Some(text.as_str().cmp(wanted)),
        _ => None,
    }
}

fn contains(value: &Json, literal: &Literal, kind: &Kind) -> bool {
    match (value, literal) {
        (Json::Array(elements), literal) if matches!(kind, Kind::List(_)) => {
            elements.iter().any(|element| equals(element, literal))
        }
        (Json::String(text), Literal::Text(wanted)) => text.contains(wanted.as_str()),
        _ => false,
    }
}

/// Sorts by the order that is asked for; what is equal keeps its order. Null is the lowest.
pub(crate) fn sort(items: &mut [Item], order: &[Order]) {
    items.sort_by(|left, right| {
        let by_field = order.iter().map(|Order { field, descending }| {
            let value = |item: &Item| item.get(field.name).cloned().unwrap_or_default();
            let ordering = rank(&value(left), &value(right));
            if *descending {
                ordering.reverse()
            } else {
                ordering
            }
        });
        by_field.fold(Ordering::Equal, Ordering::then)
    });
}

fn rank(left: &Json, right: &Json) -> Ordering {
    match (left, right) {
        (Json::Null, Json::Null) => Ordering::Equal,
        (Json::Null, _) => Ordering::Less,
        (_, Json::Null) => Ordering::Greater,
        (Json::Bool(left), Json::Bool(right)) => left.cmp(right),
        (Json::Number(left), Json::Number(right)) => {
            let float = |number: &serde_json::Number| number.as_f64().unwrap_or(0.0);
            match (left.as_i64(), right.as_i64()) {
                (Some(left), Some(right)) => left.cmp(&right),
                _ => float(left).total_cmp(&float(right)),
            }
        }
        (Json::String(left), Json::String(right)) => left.cmp(right),
        (Json::Array(left), Json::Array(right)) => {
            let pairs = left.iter().zip(right);
            let by_element = pairs.map(|(left, right)| rank(left, right));
            by_element
                .fold(Ordering::Equal, Ordering::then)
                .then(left.len().cmp(&right.len()))
        }
        _ => Ordering::Equal,
    }
}

/// Cuts the page out as Python cuts lists: negative numbers count from the end.
pub(crate) fn page(items: Vec<Item>, query: &Query) -> Vec<Item> {
    let at = |index: i64, length: usize| {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let index = if index < 0 {
            length.saturating_add(index)
        } else {
            index
        };
        usize::try_from(index.clamp(0, length)).unwrap_or(0)
    };
    let mut items = items;
    if let Some(offset) = query.offset {
        items.drain(..at(offset, items.len()));
    }
    if let Some(limit) = query.limit {
        items.truncate(at(limit, items.len()));
    }
    items
}
