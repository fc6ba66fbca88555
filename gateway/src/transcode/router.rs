//! Finds the route of a path: literals before `*` before `**`, with backtracking, so that the most exact template wins
//! whatever the order of declaration.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    path::decode,
    route::{Route, RouteError},
    template::Segment,
};

/// Every route of the suite.
#[derive(Debug, Default)]
pub struct Table {
    root: Node,
    routes: Vec<Arc<Route>>,
}

/// What a path and method lead to.
#[derive(Debug)]
pub enum Found<'a> {
    /// A route, with the raw segments of the path.
    Route(&'a Arc<Route>, Vec<&'a str>),
    /// The path exists but not with this method; the methods that do, in order.
    OtherMethods(Vec<String>),
    /// No such path.
    Nothing,
}

#[derive(Debug, Default)]
struct Node {
    literals: HashMap<String, Node>,
    single: Option<Box<Node>>,
    rest: Leaf,
    here: Leaf,
}

/// The routes that end at a node: by verb, then by method.
type Leaf = HashMap<Option<String>, HashMap<String, Arc<Route>>>;

impl Table {
    /// Puts routes into a table.
    ///
    /// # Errors
    /// When two routes have the same method and the same shape of path.
    pub fn new(routes: Vec<Route>) -> Result<Self, RouteError> {
        let mut table = Self::default();
        for route in routes {
            table.insert(Arc::new(route))?;
        }
        Ok(table)
    }

    /// The routes in the order of declaration.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    fn insert(&mut self, route: Arc<Route>) -> Result<(), RouteError> {
        let mut node = &mut self.root;
        let mut is_rest = false;
        for segment in &route.template.segments {
            match segment {
                Segment::Literal(text) => node = node.literals.entry(text.clone()).or_default(),
                Segment::Single => node = node.single.get_or_insert_default(),
                Segment::Rest => is_rest = true,
            }
        }
        let leaf = if is_rest { &mut node.rest } else { &mut node.here };
        let methods = leaf.entry(route.template.verb.clone()).or_default();
        if let Some(other) = methods.insert(route.method.clone(), Arc::clone(&route)) {
            return Err(RouteError::Clash {
                first: other.call.name.clone(),
                second: route.call.name.clone(),
            });
        }
        self.routes.push(route);
        Ok(())
    }

    /// Finds the route of a request. `path` is the raw path without the query.
    pub fn find<'a>(&'a self, method: &str, path: &'a str) -> Found<'a> {
        let Some(path) = path.strip_prefix('/') else {
            return Found::Nothing;
        };
        let (path, verb) = split_verb(path);
        let segments: Vec<&str> = path.split('/').collect();
        let mut leaves = Vec::new();
        self.root.collect(&segments, verb, &mut leaves);
        for methods in &leaves {
            let get_for_head = || {
                if method == "HEAD" {
                    methods.get("GET")
                } else {
                    None
                }
            };
            if let Some(route) = methods
                .get(method)
                .or_else(get_for_head)
                .or_else(|| methods.get("*"))
            {
                return Found::Route(route, segments);
            }
        }
        let others: BTreeSet<String> = leaves
            .iter()
            .flat_map(|methods| methods.keys().cloned())
            .collect();
        if others.is_empty() {
            Found::Nothing
        } else {
            Found::OtherMethods(others.into_iter().collect())
        }
    }
}

impl Node {
    fn collect<'a>(
        &'a self,
        segments: &[&str],
        verb: Option<&str>,
        found: &mut Vec<&'a HashMap<String, Arc<Route>>>,
    ) {
        let verb_key = verb.map(str::to_owned);
        if let Some((first, others)) = segments.split_first() {
            if let Some(next) = decode(first, false).and_then(|text| self.literals.get(&text)) {
                next.collect(others, verb, found);
            }
            if let Some(next) = self.single.as_deref().filter(|_| !first.is_empty()) {
                next.collect(others, verb, found);
            }
        } else {
            found.extend(self.here.get(&verb_key));
        }
        found.extend(self.rest.get(&verb_key));
    }
}

/// A colon that is not percent-encoded in the last segment begins the custom verb.
fn split_verb(path: &str) -> (&str, Option<&str>) {
    let last = path.rfind('/').map_or(0, |at| at + 1);
    match path.get(last..).and_then(|segment| segment.rfind(':')) {
        Some(colon) => {
            let (before, verb) = path.split_at(last + colon);
            (before, verb.get(1..))
        }
        None => (path, None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::template::Template, *};
    use crate::transcode::route::tests::route;

    fn table(routes: &[(&str, &str)]) -> Table {
        Table::new(routes.iter().map(|(method, path)| route(method, path)).collect()).unwrap()
    }

    fn path_of(table: &Table, method: &str, path: &str) -> String {
        match table.find(method, path) {
            Found::Route(route, segments) => {
                format!("{} {:?}", route.path, route.template.captures(&segments).unwrap())
            }
            Found::OtherMethods(methods) => format!("405 {}", methods.join(",")),
            Found::Nothing => "404".to_owned(),
        }
    }

    #[test]
    fn the_most_exact_template_wins_and_dead_ends_are_left() {
        let table = table(&[
            ("GET", "/v1/{name=**}"),
            ("GET", "/v1/files/{id}"),
            ("GET", "/v1/files/mine"),
            ("GET", "/v1/files/mine/{part}/end"),
            ("POST", "/v1/files/{id}:seal"),
            ("PUT", "/v1/files/{id}"),
        ]);
        assert_eq!(path_of(&table, "GET", "/v1/files/mine"), "/v1/files/mine []");
        assert_eq!(path_of(&table, "GET", "/v1/files/7"), "/v1/files/{id} [\"7\"]");
        assert_eq!(path_of(&table, "HEAD", "/v1/files/7"), "/v1/files/{id} [\"7\"]");
        assert_eq!(
            path_of(&table, "PUT", "/v1/files/mine"),
            "/v1/files/{id} [\"mine\"]"
        );
        assert_eq!(
            path_of(&table, "GET", "/v1/files/mine/a/b"),
            "/v1/{name=**} [\"files/mine/a/b\"]"
        );
        assert_eq!(
            path_of(&table, "POST", "/v1/files/7:seal"),
            "/v1/files/{id}:seal [\"7\"]"
        );
        assert_eq!(
            path_of(&table, "GET", "/v1/files/7%3Aseal"),
            "/v1/files/{id} [\"7:seal\"]"
        );
        assert_eq!(path_of(&table, "DELETE", "/v1/files/7"), "405 GET,PUT");
        assert_eq!(path_of(&table, "GET", "/v1/files/7:seal"), "405 POST");
        assert_eq!(path_of(&table, "GET", "/v1/files/7:open"), "404");
        assert_eq!(path_of(&table, "GET", "/v2/files"), "404");
    }

    #[test]
    fn an_empty_segment_is_no_value() {
        let table = table(&[("GET", "/v1/files/{id}/content")]);
        assert_eq!(path_of(&table, "GET", "/v1/files//content"), "404");
        assert_eq!(path_of(&table, "GET", "/v1/files/1/content/"), "404");
    }

    #[test]
    fn two_routes_of_one_shape_are_refused() {
        let routes = vec![route("GET", "/v1/files/{id}"), route("GET", "/v1/files/{name}")];
        assert!(matches!(Table::new(routes), Err(RouteError::Clash { .. })));
    }

    proptest! {
        #[test]
        fn what_a_template_builds_it_matches(values in proptest::collection::vec("[^\u{0}]{1,12}", 2), verb in any::<bool>()) {
            let text = if verb { "/v1/{a}/x/{b.c}:do" } else { "/v1/{a}/x/{b.c}" };
            let built = Template::parse(text).unwrap().build(&values);
            let table = table(&[("GET", text)]);
            let Found::Route(route, segments) = table.find("GET", &built) else { panic!("{built} is not found") };
            prop_assert_eq!(route.template.captures(&segments).unwrap(), values);
        }

        #[test]
        fn a_long_value_comes_back(value in "[a-z]{1,4}(/[a-z 启:]{1,4}){0,4}") {
            let built = Template::parse("/v1/{name=**}:do").unwrap().build(std::slice::from_ref(&value));
            let table = table(&[("POST", "/v1/{name=**}:do")]);
            let Found::Route(route, segments) = table.find("POST", &built) else { panic!("{built} is not found") };
            prop_assert_eq!(route.template.captures(&segments).unwrap(), [value]);
        }

        #[test]
        fn no_path_breaks_the_router(path in "\\PC{0,40}") {
            let table = table(&[("GET", "/v1/{a}/x"), ("GET", "/v1/{name=**}:do")]);
            if let Found::Route(route, segments) = table.find("GET", &path) {
                let _ = route.template.captures(&segments);
            }
        }
    }
}
