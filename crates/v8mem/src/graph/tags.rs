//! Names for arrays that have none of their own: what uses them says what they are.
//!
//! As in V8, the first user's word counts, and only where the array has no name; some words also change the kind.

use heap::NodeKind;

use crate::version::V8Version;

/// What an array is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Tag {
    None,
    Properties,
    Elements,
    BoundArguments,
    ContextData,
    TransitionArray,
    Transition,
    DependentCode,
    LineEnds,
    Infos,
    HostOptions,
    SourcePositions,
    ConstantPool,
    EnumCache,
    PrototypeUsers,
    Feedback,
    ConstantElements,
    ContextLocalNames,
    PrototypeTransitions,
    ValidityCell,
    SharedFunctionInfo,
    CodeData,
    Code,
    Relocation,
    OffsetTable,
    HandlerTable,
}

impl Tag {
    /// Returns the name, and the kind where the tag decides it.
    pub(super) fn name(self, version: V8Version) -> (&'static str, Option<NodeKind>) {
        let code = (version >= V8Version::new(10, 0)).then_some(NodeKind::CODE);
        let shape = (version >= V8Version::new(11, 0)).then_some(NodeKind::OBJECT_SHAPE);
        let is_old = version < V8Version::new(10, 0);
        match self {
            Self::None => ("", None),
            // V8 9 does not look into bytecode, scripts and literals.
            Self::HostOptions | Self::HandlerTable | Self::ConstantPool | Self::EnumCache | Self::ConstantElements if is_old => ("", None),
            Self::Properties => ("(object properties)", None),
            Self::Elements => ("(object elements)", None),
            Self::BoundArguments => ("(bound arguments)", None),
            Self::ContextData => ("(context data)", None),
            Self::TransitionArray => ("(transition array)", None),
            Self::Transition => ("(transition)", None),
            Self::DependentCode => ("(dependent code)", None),
            Self::LineEnds => ("(script line ends)", code),
            Self::Infos => ("(infos)", code),
            Self::HostOptions => ("(host-defined options)", code),
            Self::SourcePositions => ("(source position table)", code),
            Self::ConstantPool => ("(constant pool)", code),
            Self::EnumCache => ("(enum cache)", shape),
            Self::PrototypeUsers => ("(prototype users)", shape),
            Self::Feedback => ("(feedback)", code),
            Self::ConstantElements => ("(constant elements)", code),
            Self::PrototypeTransitions => ("(prototype transitions)", shape),
            Self::ValidityCell => ("(validity cell)", shape),
            Self::SharedFunctionInfo => ("(shared function info)", code),
            Self::CodeData => ("(code deopt data)", code),
            Self::Code => ("(code)", code),
            Self::Relocation => ("(code relocation info)", code),
            Self::OffsetTable => ("(bytecode offset table)", code),
            Self::HandlerTable => ("(handler table)", code),
            Self::ContextLocalNames => ("(context local names)", code),
        }
    }
}
