package com.acme.zoo;

import java.io.Serializable;

/** Fields declared by interface and as Object. */
public class Drawing implements Serializable {
    private static final long serialVersionUID = 1L;
    private Shape shape;
    private Object note;

    public Drawing() {}

    public Drawing(Shape shape, Object note) {
        this.shape = shape;
        this.note = note;
    }

    public Shape getShape() { return shape; }
    public void setShape(Shape v) { shape = v; }
    public Object getNote() { return note; }
    public void setNote(Object v) { note = v; }

    @Override public boolean equals(Object o) { return Fields.equal(this, o); }
    @Override public int hashCode() { return Fields.hash(this); }
    @Override public String toString() { return Fields.text(this); }
}
