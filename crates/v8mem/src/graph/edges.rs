//! Which references of an object have names, by kind: what V8 extracts before it numbers the rest.

use super::emitter::{Emitter, is_plain_array};
use super::recipes::Recipe;
use super::tags::Tag;
use crate::kind::Kind;
use crate::maps::Map;
use crate::text::{Representation, representation};

impl Emitter<'_, '_, '_> {
    /// Writes the references of an object that have a name.
    pub(super) fn references(&mut self, addr: u64, map: &Map, recipe: Option<&Recipe>) {
        let at = self.heap.layout.at;
        let w = self.words;
        match map.kind {
            Kind::JsGlobalProxy => {}
            Kind::JsArrayBuffer => self.backing_store(addr),
            _ if let Some(recipe) = recipe => self.js_object(addr, map, recipe),
            Kind::String => self.parts_of_string(addr, map),
            Kind::Symbol => self.internal_field(w.name, addr, at.symbol_name),
            Kind::Map => self.map(addr, map),
            Kind::SharedFunctionInfo => self.shared_function_info(addr),
            Kind::Script => self.script(addr),
            Kind::AccessorPair => {
                self.internal_field(w.getter, addr, at.getter);
                self.internal_field(w.setter, addr, at.setter);
            }
            Kind::Cell | Kind::FeedbackCell => self.internal_field(w.value, addr, at.cell_value),
            Kind::PropertyCell => self.property_cell(addr),
            Kind::AllocationSite => self.allocation_site(addr),
            Kind::PrototypeInfo => self.prototype_info(addr),
            Kind::EnumCache => self.parts(addr, Tag::EnumCache, 2),
            Kind::ArrayBoilerplate => self.parts(addr, Tag::ConstantElements, 2),
            Kind::ScopeInfo => self.names_in_table(addr),
            Kind::FeedbackVector => self.feedback_vector(addr),
            Kind::DescriptorArray => self.descriptors(addr),
            Kind::WeakFixedArray => self.weak_array(addr, 16),
            Kind::TransitionArray => self.transition_array(addr),
            Kind::WeakArrayList => self.weak_array(addr, 24),
            Kind::Context | Kind::NativeContext => self.context(addr, map),
            Kind::EphemeronTable => self.ephemerons(addr),
            Kind::WeakCell => {
                let fields = [(w.target, at.weak_cell_target), (w.unregister_token, at.weak_cell_token)];
                for (name, offset) in fields {
                    let word = self.heap.field(addr, offset).unwrap_or(0);
                    self.weak(name, word, Some(offset));
                }
            }
            Kind::BytecodeArray => self.bytecode(addr),
            Kind::Code => self.code(addr),
            Kind::InstructionStream => self.instructions(addr),
            kind if is_plain_array(kind, self.heap.layout.version) => self.fixed_array(addr),
            kind if kind.is_fixed_array() && !self.is_trusted(map) => self.fixed_array(addr),
            _ => {}
        }
    }

    fn parts_of_string(&mut self, addr: u64, map: &Map) {
        let at = self.heap.layout.at;
        let w = self.words;
        match representation(map.instance_type) {
            Representation::Cons => {
                self.internal_field(w.first, addr, at.cons_first);
                self.internal_field(w.second, addr, at.cons_second);
            }
            Representation::Sliced => self.internal_field(w.parent, addr, at.sliced_parent),
            Representation::Thin => self.internal_field(w.actual, addr, at.thin_actual),
            Representation::Flat | Representation::External => {}
        }
    }
}
