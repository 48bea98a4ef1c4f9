//! Faults that a cache of this shape has had elsewhere, each as the fact that
//! ours must show instead. Through HTTP where the fault would show there,
//! through the library where it would show there.

mod http;
mod library;
